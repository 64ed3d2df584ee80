#include "ranvier/data/detail/checkpoint_image.h"

#include <vector>

#include "ranvier/data/detail/checkpoint_contents.h"
#include "ranvier/data/detail/hdf5.h"

namespace ranvier::detail {
namespace {

using Dims = std::vector<hsize_t>;

/// A little-endian 16-bit float whose exponent has `exponent_bits`.
H5Handle half_type(const H5Context& h5, std::size_t exponent_bits) {
  H5Handle type = h5.own(H5Tcopy(H5T_IEEE_F32LE), H5Tclose, "make a type");
  const std::size_t fraction_bits = 15 - exponent_bits;
  h5.check(H5Tset_fields(type.get(), 15, fraction_bits, exponent_bits, 0, fraction_bits),
           "lay out a type");
  h5.check(H5Tset_size(type.get(), 2), "size a type");
  h5.check(H5Tset_ebias(type.get(), (std::size_t{1} << (exponent_bits - 1)) - 1), "bias a type");
  return type;
}

/// As memory and file have the same type, HDF5 converts nothing and keeps every bit.
H5Handle stored_type(const H5Context& h5, DType dtype) {
  const auto copy = [&](hid_t type) { return h5.own(H5Tcopy(type), H5Tclose, "make a type"); };
  switch (dtype) {
    case DType::f32:
      return copy(H5T_IEEE_F32LE);
    case DType::f64:
      return copy(H5T_IEEE_F64LE);
    case DType::f16:
      return half_type(h5, 5);
    case DType::bf16:
      return half_type(h5, 8);
    case DType::u8:
      return copy(H5T_STD_U8LE);
    case DType::i64:
      return copy(H5T_STD_I64LE);
    case DType::bits:
      return copy(H5T_STD_U64LE);
  }
  fail_internal("dtype", "[checkpoint] unknown dtype {}", static_cast<int>(dtype));
}

H5Handle text_type(const H5Context& h5, std::size_t length) {
  H5Handle type = h5.own(H5Tcopy(H5T_C_S1), H5Tclose, "make a text type");
  h5.check(H5Tset_size(type.get(), length), "size a text type");
  h5.check(H5Tset_cset(type.get(), H5T_CSET_UTF8), "encode a text type");
  h5.check(H5Tset_strpad(type.get(), H5T_STR_NULLPAD), "pad a text type");
  return type;
}

/// Properties of objects: no time stamps, so that equal checkpoints are equal files.
H5Handle make_properties(const H5Context& h5, hid_t kind) {
  H5Handle properties = h5.own(H5Pcreate(kind), H5Pclose, "make properties");
  h5.check(H5Pset_obj_track_times(properties.get(), false), "leave out times");
  return properties;
}

/// Writes an array in one piece and returns where its bytes lie in the file.
std::uint64_t write_array(const H5Context& h5, hid_t parent, const std::string& name, hid_t type,
                          const Dims& dims, const void* data) {
  const std::string step = "store " + name;
  const H5Handle space =
      h5.own(dims.empty() ? H5Screate(H5S_SCALAR)
                          : H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
             H5Sclose, step);
  const H5Handle properties = make_properties(h5, H5P_DATASET_CREATE);
  h5.check(H5Pset_fill_time(properties.get(), H5D_FILL_TIME_NEVER), step);
  const H5Handle dataset = h5.own(H5Dcreate2(parent, name.c_str(), type, space.get(), H5P_DEFAULT,
                                             properties.get(), H5P_DEFAULT),
                                  H5Dclose, step);
  if (h5.check(H5Sget_simple_extent_npoints(space.get()), step) == 0) return 0;
  h5.check(H5Dwrite(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), step);
  const haddr_t offset = H5Dget_offset(dataset.get());
  RV_ASSERT(offset != HADDR_UNDEF, "[checkpoint] {} was stored nowhere", name);
  return offset;
}

TensorPlace write_tensor(const H5Context& h5, hid_t group, const NamedTensor& named) {
  const Tensor tensor = named.tensor.to(cpu_device);
  Dims dims(tensor.shape().begin(), tensor.shape().end());
  if (tensor.dtype() == DType::bits && tensor.rank() > 0)
    dims.back() = static_cast<hsize_t>(words_per_row(tensor.size(-1)));
  const H5Handle type = stored_type(h5, tensor.dtype());
  const std::uint64_t offset =
      write_array(h5, group, named.name, type.get(), dims, tensor.raw_data());
  return {.name = named.name,
          .dtype = tensor.dtype(),
          .shape = tensor.shape(),
          .piece = {offset, static_cast<std::uint64_t>(tensor.nbytes())}};
}

FilePiece write_text(const H5Context& h5, hid_t file, const std::string& name,
                     const std::string& text) {
  const H5Handle type = text_type(h5, text.size());
  return {write_array(h5, file, name, type.get(), {}, text.data()), text.size()};
}

/// An HDF5 file that exists in memory only and grows by `step` bytes.
H5Handle make_file(const H5Context& h5, const std::string& name, hid_t access, std::size_t step) {
  h5.check(H5Pset_fapl_core(access, step, false), "keep a file in memory");
  const H5Handle creation = make_properties(h5, H5P_FILE_CREATE);
  h5.check(H5Pset_userblock(creation.get(), checkpoint_header_size), "reserve the header");
  return h5.own(H5Fcreate(name.c_str(), H5F_ACC_TRUNC, creation.get(), access), H5Fclose, "begin");
}

std::size_t expected_bytes(const Checkpoint& checkpoint) {
  constexpr std::size_t base = std::size_t{1} << 16, per_tensor = 1024;
  std::size_t bytes = base + checkpoint.metadata.size();
  for (const NamedTensor& named : checkpoint.tensors)
    bytes += static_cast<std::size_t>(named.tensor.nbytes()) + per_tensor;
  return bytes;
}

}  // namespace

void with_checkpoint_image(
    const std::string& file, const Checkpoint& checkpoint,
    const std::function<void(std::span<const std::uint8_t>, const FilePiece&)>& use) {
  const QuietHdf5 quiet;
  const H5Context h5("checkpoint", file);
  const H5Handle access = h5.own(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "make properties");
  const H5Handle image = make_file(h5, file, access.get(), expected_bytes(checkpoint));
  const H5Handle in_order = make_properties(h5, H5P_GROUP_CREATE);
  h5.check(
      H5Pset_link_creation_order(in_order.get(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED),
      "keep the order of tensors");
  CheckpointContents contents;
  {
    const H5Handle group =
        h5.own(H5Gcreate2(image.get(), "tensors", H5P_DEFAULT, in_order.get(), H5P_DEFAULT),
               H5Gclose, "make a group");
    for (const NamedTensor& named : checkpoint.tensors)
      contents.tensors.push_back(write_tensor(h5, group.get(), named));
  }
  contents.metadata = write_text(h5, image.get(), "metadata", checkpoint.metadata);
  const FilePiece table = write_text(h5, image.get(), "contents", contents_to_json(contents));
  h5.check(H5Fflush(image.get(), H5F_SCOPE_GLOBAL), "finish");

  void* memory = nullptr;
  hsize_t size = 0;
  h5.check(H5Fget_vfd_handle(image.get(), access.get(), &memory), "find the image");
  h5.check(H5Fget_filesize(image.get(), &size), "measure the image");
  use({*static_cast<const std::uint8_t**>(memory), static_cast<std::size_t>(size)}, table);
}

}  // namespace ranvier::detail
