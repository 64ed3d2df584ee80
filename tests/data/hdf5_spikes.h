// Files of spike trains as the HDF5 library writes them, in all its ways: what our own reader and
// writer are held against.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ranvier/data/detail/hdf5.h"

namespace ranvier::test {

struct SpikeTrain {
  std::vector<double> times;  // seconds
  std::vector<double> units;
  double label = 0;
};

enum class Texts { fixed, any_length, none };

/// Types of numbers, named as HDF5 names them; which macros are calls, so no constants.
struct Hdf5Layout {
  hid_t times = H5T_IEEE_F32LE;
  hid_t units = H5T_STD_U16LE;
  hid_t labels = H5T_STD_U16LE;
  hsize_t chunk = 0;  ///< samples; 0: in one piece
  unsigned gzip = 0;  ///< 1 to 9
  bool shuffle = false;
  bool latest = false;  ///< HDF5's newest formats
  Texts keys = Texts::fixed;
  bool with_units = true;
  hsize_t user_block = 0;
};

namespace hdf5_spikes {

using detail::H5Context;
using detail::H5Handle;

inline H5Handle creation(const H5Context& h5, const Hdf5Layout& layout) {
  H5Handle properties = h5.own(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "make properties");
  if (layout.chunk == 0) return properties;
  h5.check(H5Pset_chunk(properties.get(), 1, &layout.chunk), "chunk");
  if (layout.shuffle) h5.check(H5Pset_shuffle(properties.get()), "shuffle");
  if (layout.gzip > 0) h5.check(H5Pset_deflate(properties.get(), layout.gzip), "pack");
  return properties;
}

inline void write_list(const H5Context& h5, hid_t file, const std::string& name, hid_t type,
                       hid_t memory_type, hsize_t count, const void* data,
                       const Hdf5Layout& layout) {
  const hsize_t unlimited = H5S_UNLIMITED;
  const bool grows = layout.chunk > 0;
  const H5Handle space =
      h5.own(H5Screate_simple(1, &count, grows ? &unlimited : nullptr), H5Sclose, "make a space");
  const H5Handle properties = creation(h5, layout);
  const H5Handle list = h5.own(
      H5Dcreate2(file, name.c_str(), type, space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT),
      H5Dclose, "make " + name);
  h5.check(H5Dwrite(list.get(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), "write " + name);
}

inline void write_sequences(const H5Context& h5, hid_t file, const std::string& name, hid_t type,
                            const std::vector<SpikeTrain>& samples,
                            std::vector<double> SpikeTrain::*column, const Hdf5Layout& layout) {
  std::vector<hvl_t> sequences;
  for (const SpikeTrain& sample : samples)
    sequences.push_back({(sample.*column).size(), const_cast<double*>((sample.*column).data())});
  const H5Handle stored = h5.own(H5Tvlen_create(type), H5Tclose, "make a type");
  const H5Handle memory = h5.own(H5Tvlen_create(H5T_NATIVE_DOUBLE), H5Tclose, "make a type");
  write_list(h5, file, name, stored.get(), memory.get(), sequences.size(), sequences.data(),
             layout);
}

inline void write_keys(const H5Context& h5, hid_t file, const std::vector<std::string>& keys,
                       const Hdf5Layout& layout) {
  const H5Handle type = h5.own(H5Tcopy(H5T_C_S1), H5Tclose, "make a text type");
  if (layout.keys == Texts::any_length) {
    std::vector<const char*> texts;
    for (const std::string& key : keys) texts.push_back(key.c_str());
    h5.check(H5Tset_size(type.get(), H5T_VARIABLE), "size a text type");
    write_list(h5, file, "extra/keys", type.get(), type.get(), texts.size(), texts.data(), layout);
  } else {
    std::string texts;
    for (std::string key : keys) {
      key.resize(5);
      texts += key;
    }
    h5.check(H5Tset_size(type.get(), 5), "size a text type");
    h5.check(H5Tset_strpad(type.get(), H5T_STR_NULLPAD), "pad a text type");
    write_list(h5, file, "extra/keys", type.get(), type.get(), keys.size(), texts.data(), layout);
  }
}

}  // namespace hdf5_spikes

/// HDF5's type for IEEE binary16, little-endian; never closed, as types of the library are not.
inline hid_t half_type() {
  static const hid_t type = [] {
    const hid_t half = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    return half;
  }();
  return type;
}

/// Writes `samples`; classes are called `keys`.
inline void write_hdf5_spikes(const std::filesystem::path& path,
                              const std::vector<SpikeTrain>& samples,
                              const std::vector<std::string>& keys, const Hdf5Layout& layout = {}) {
  using namespace hdf5_spikes;
  const H5Context h5("test", path.string());
  const H5Handle access = h5.own(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "make properties");
  if (layout.latest)
    h5.check(H5Pset_libver_bounds(access.get(), H5F_LIBVER_LATEST, H5F_LIBVER_LATEST), "be new");
  const H5Handle creation = h5.own(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "make properties");
  h5.check(H5Pset_userblock(creation.get(), layout.user_block), "leave room");
  const H5Handle file = h5.own(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()),
                               H5Fclose, "create");
  for (const char* group : {"spikes", "extra"})
    h5.own(H5Gcreate2(file.get(), group, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose, group);
  write_sequences(h5, file.get(), "spikes/times", layout.times, samples, &SpikeTrain::times,
                  layout);
  if (layout.with_units)
    write_sequences(h5, file.get(), "spikes/units", layout.units, samples, &SpikeTrain::units,
                    layout);
  std::vector<double> labels;
  for (const SpikeTrain& sample : samples) labels.push_back(sample.label);
  write_list(h5, file.get(), "labels", layout.labels, H5T_NATIVE_DOUBLE, labels.size(),
             labels.data(), layout);
  if (layout.keys != Texts::none) write_keys(h5, file.get(), keys, layout);
}

}  // namespace ranvier::test
