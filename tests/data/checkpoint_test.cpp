#include "ranvier/data/checkpoint.h"

#include <hdf5.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "tests/data/checkpoint_writer.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/memory_file.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;
constexpr ErrorCode format = ErrorCode::format;

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(a.raw_data(), b.raw_data(), static_cast<std::size_t>(a.nbytes())) == 0;
}

/// Every dtype and the shapes that are easily forgotten; bytes that no conversion would keep.
Checkpoint varied_checkpoint() {
  Checkpoint checkpoint{.tensors = {}, .metadata = R"({"epoch": 3, "name": "Größe"})"};
  for (const DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::u8, DType::i64})
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{0, 4}, Shape{2, 1, 3, 1, 2, 1, 1, 2}}) {
      Tensor tensor = empty(shape, {.dtype = dtype});
      for (std::int64_t i = 0; i < tensor.nbytes(); ++i)
        tensor.mutable_raw_data()[i] = static_cast<std::byte>(255 - 3 * i);
      checkpoint.tensors.push_back({fmt::format("{}.{}", name(dtype), to_string(shape)), tensor});
    }
  for (const std::int64_t columns : {1, 63, 64, 65, 130}) {
    Tensor spikes = empty({2, columns}, {.dtype = DType::bits});
    auto* words = spikes.mutable_data<std::uint64_t>();
    for (std::int64_t row = 0; row < 2; ++row)
      for (std::int64_t c = 0; c < words_per_row(columns); ++c) {
        const std::int64_t used = std::min<std::int64_t>(64, columns - 64 * c);
        *words++ = 0xa5a5a5a5a5a5a5a5u & (~std::uint64_t{0} >> (64 - used));
      }
    checkpoint.tensors.push_back({fmt::format("spikes.{}", columns), spikes});
  }
  Tensor spike = empty({}, {.dtype = DType::bits});
  spike.mutable_data<std::uint64_t>()[0] = 1;
  checkpoint.tensors.push_back({"spike", spike});
  return checkpoint;
}

Checkpoint one_tensor(std::vector<float> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return {.tensors = {{"weight", from_vector(values, {count})}}};
}

/// Loads `content` as a file and expects an error that names it.
void check_refused(const Bytes& content, const std::string& text) {
  MemoryFile file;
  file.set(content);
  CHECK_ERROR(load_checkpoint(file.path()), format, text);
  CHECK_ERROR(load_checkpoint(file.path()), format, file.path().string());
}

}  // namespace

TEST_CASE("a checkpoint keeps every dtype, shape and bit, and the order") {
  const TemporaryFolder folder;
  const Checkpoint saved = varied_checkpoint();
  save_checkpoint(folder / "run.h5", saved);
  const Checkpoint loaded = load_checkpoint(folder / "run.h5");
  CHECK(loaded.metadata == saved.metadata);
  REQUIRE(loaded.tensors.size() == saved.tensors.size());
  for (std::size_t i = 0; i < saved.tensors.size(); ++i) {
    CAPTURE(saved.tensors[i].name);
    CHECK(loaded.tensors[i].name == saved.tensors[i].name);
    CHECK(same_bits(loaded.tensors[i].tensor, saved.tensors[i].tensor));
  }
}

TEST_CASE("a checkpoint without tensors is one") {
  const TemporaryFolder folder;
  save_checkpoint(folder / "empty.h5", {});
  CHECK(load_checkpoint(folder / "empty.h5").tensors.empty());
  CHECK(load_checkpoint(folder / "empty.h5").metadata == "{}");
}

TEST_CASE("equal checkpoints are equal files") {
  const TemporaryFolder folder;
  save_checkpoint(folder / "a.h5", varied_checkpoint());
  save_checkpoint(folder / "b.h5", varied_checkpoint());
  CHECK(file_bytes(folder / "a.h5") == file_bytes(folder / "b.h5"));
}

TEST_CASE("saving again replaces a checkpoint and leaves nothing else behind") {
  const TemporaryFolder folder;
  save_checkpoint(folder / "run.h5", one_tensor({1, 2, 3}));
  save_checkpoint(folder / "run.h5", one_tensor({4, 5}));
  CHECK(to_vector(load_checkpoint(folder / "run.h5").tensors.at(0).tensor) ==
        std::vector<double>{4, 5});
  const std::filesystem::directory_iterator files(folder.path());
  CHECK(std::distance(begin(files), end(files)) == 1);
}

TEST_CASE("a checkpoint that cannot be written leaves the old one alone and says why") {
  const TemporaryFolder folder;
  save_checkpoint(folder / "run.h5", one_tensor({1, 2, 3}));
  const Bytes before = file_bytes(folder / "run.h5");

  // The temporary file's name is taken by a folder: it cannot be created.
  std::filesystem::create_directory(folder / "run.h5.tmp");
  CHECK_ERROR(save_checkpoint(folder / "run.h5", one_tensor({9})), ErrorCode::io,
              "[checkpoint] cannot create " + (folder / "run.h5.tmp").string() +
                  ": Is a directory. " + (folder / "run.h5").string() + " was not touched.");
  std::filesystem::remove(folder / "run.h5.tmp");

  // A disk that is full from the first byte.
  std::filesystem::create_symlink("/dev/full", folder / "run.h5.tmp");
  CHECK_ERROR(save_checkpoint(folder / "run.h5", one_tensor({9})), ErrorCode::io,
              "[checkpoint] cannot write " + (folder / "run.h5.tmp").string() +
                  ": No space left on device.");
  CHECK_FALSE(std::filesystem::exists(std::filesystem::symlink_status(folder / "run.h5.tmp")));

  CHECK(file_bytes(folder / "run.h5") == before);
  CHECK_ERROR(save_checkpoint(folder / "absent" / "run.h5", one_tensor({9})), ErrorCode::io,
              "No such file or directory");

  std::filesystem::create_directory(folder / "taken.h5");
  write_file(folder / "taken.h5" / "file", Bytes{1});
  CHECK_ERROR(save_checkpoint(folder / "taken.h5", one_tensor({9})), ErrorCode::io,
              "[checkpoint] cannot rename");

  save_checkpoint(folder / "run.h5", one_tensor({7}));  // failures leave nothing broken behind
  CHECK(to_vector(load_checkpoint(folder / "run.h5").tensors.at(0).tensor) ==
        std::vector<double>{7});
}

TEST_CASE("content that cannot be kept is refused before anything is written") {
  const TemporaryFolder folder;
  const auto save = [&](const Checkpoint& checkpoint) {
    save_checkpoint(folder / "run.h5", checkpoint);
  };
  const Tensor value = scalar(1);
  for (const std::string& name :
       {std::string(), std::string("."), std::string("a/b"), std::string("a\0b", 3)})
    CHECK_ERROR(save({.tensors = {{name, value}}}), invalid,
                "[checkpoint] a tensor's name must be of printable ASCII without '/', and not "
                "\".\"; got \"");
  CHECK_ERROR(save({.tensors = {{"a", value}, {"a", value}}}), invalid,
              "[checkpoint] two tensors are called \"a\".");
  CHECK_ERROR(save({.tensors = {{"a", Tensor()}}}), invalid,
              "[checkpoint] the tensor a is undefined.");
  CHECK_ERROR(save({.tensors = {}, .metadata = "epoch 3"}), invalid,
              "[checkpoint] the metadata must be JSON; got \"epoch 3\".");
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("a file that cannot be read as a checkpoint is an io error that names it") {
  const TemporaryFolder folder;
  CHECK_ERROR(
      load_checkpoint(folder / "absent"), ErrorCode::io,
      "[checkpoint] cannot open " + (folder / "absent").string() + ": No such file or directory.");
  CHECK_ERROR(load_checkpoint(folder.path()), ErrorCode::io, "must be a regular file");
}

TEST_CASE("a foreign file is not taken for a checkpoint") {
  const std::string text =
      "is not a checkpoint: it must begin with \"Ranvier checkpoint, format \".";
  check_refused({}, text);
  check_refused({0x89, 'H', 'D', 'F', 13, 10, 26, 10}, text);
  check_refused(Bytes(2000, std::uint8_t{'R'}), text);
}

TEST_CASE("a checkpoint of another format version names both") {
  Bytes content = checkpoint_bytes(one_tensor({1}));
  const std::string text = "Ranvier checkpoint, format 2";
  std::copy(text.begin(), text.end(), content.begin());
  check_refused(content, "is of format 2; this build reads format 1.");
}

TEST_CASE("a checkpoint cut anywhere is refused") {
  const Bytes whole = checkpoint_bytes(one_tensor({1, 2, 3}));
  for (std::size_t length = 0; length < whole.size(); length += 13) {
    CAPTURE(length);
    check_refused(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)), "is ");
  }
  check_refused(Bytes(whole.begin(), whole.end() - 1),
                fmt::format("is truncated: it has {} bytes; it was written with {}.",
                            whole.size() - 1, whole.size()));
}

TEST_CASE("a byte changed anywhere is noticed") {
  const Bytes whole = checkpoint_bytes(one_tensor({1, 2, 3}));
  for (std::size_t place = 0; place < whole.size(); place += 7) {
    CAPTURE(place);
    Bytes changed = whole;
    changed[place] ^= 0x10;
    check_refused(changed, "is ");
  }
  Bytes longer = whole;
  longer.push_back(0);
  check_refused(longer, "is damaged: it has");
}

TEST_CASE("a sealed file with a damaged contents table is refused, saying what is wrong") {
  const auto refused = [](const std::string& table, const std::string& text) {
    check_refused(sealed_table(table), " is damaged: " + text);
  };
  const std::string metadata = R"("metadata": {"offset": 576, "length": 2})";
  const auto tensors = [&](const std::string& list) {
    return "{" + metadata + R"(, "tensors": [)" + list + "]}";
  };
  const auto tensor = [&](const std::string& dtype, const std::string& shape,
                          const std::string& offset) {
    return tensors(R"({"name": "a", "dtype": ")" + dtype + R"(", "shape": )" + shape +
                   R"(, "offset": )" + offset + "}");
  };
  refused("{", "it is not JSON.");
  refused("[]", "\"metadata\" is missing.");
  refused(R"({"metadata": 3})", "\"offset\" is missing.");
  refused(R"({"metadata": {"offset": -1, "length": 2}})",
          "the metadata's offset is not a number of bytes or elements.");
  refused(R"({"metadata": {"offset": 0, "length": 1000}})",
          "the metadata lies outside of the file.");
  refused("{" + metadata + "}", "\"tensors\" is missing.");
  refused("{" + metadata + R"(, "tensors": 1})", "\"tensors\" is not a list.");
  refused(tensors("1"), "\"name\" is missing.");
  refused(tensors(R"({"name": "a/b"})"), "a tensor has no proper name.");
  refused(tensor("f33", "[2]", "512"), "a has an unknown dtype.");
  refused(tensor("f32", "2", "512"), "a has no proper shape.");
  refused(tensor("f32", "[1,1,1,1,1,1,1,1,1]", "512"), "a has no proper shape.");
  refused(tensor("f32", "[1.5]", "512"), "an extent of a is not a number of bytes or elements.");
  refused(tensor("f32", "[4611686018427387905]", "512"), "an extent of a is not a number");
  refused(tensor("f32", "[4294967296, 4294967296]", "512"), "a is larger than the file.");
  refused(tensor("bits", "[0, 4611686018427387904]", "512"), "a is larger than the file.");
  refused(tensor("f32", "[1000]", "512"), "a lies outside of the file.");
  refused(tensor("f32", "[2]", "100000"), "a lies outside of the file.");
  refused(tensor("f32", "[2]", "\"512\""), "the offset of a is not a number");
  const std::string large = R"(", "dtype": "u8", "shape": [600], "offset": 0})";
  refused(tensors(R"({"name": "a)" + large + R"(, {"name": "b)" + large),
          "the tensors are larger than the file.");
  refused(tensors(R"({"name": "a)" + large + R"(, {"name": "a)" + large), "a is there twice.");
  refused(tensor("bits", "[70]", "512"), "a has spikes beyond its 70 columns.");
  refused(R"({"metadata": {"offset": 577, "length": 1}, "tensors": []})",
          "its metadata are not JSON.");

  MemoryFile good;
  good.set(sealed_table(tensor("bits", "[2, 64]", "520")));
  CHECK(load_checkpoint(good.path()).tensors.at(0).tensor.numel() == 128);
}

TEST_CASE("a sealed file whose contents table is elsewhere is refused") {
  check_refused(sealed(Bytes(1000), 990, 11), "is damaged: its contents table lies outside.");
  check_refused(sealed(Bytes(1000), ~std::size_t{0}, 2), "its contents table lies outside.");
}

TEST_CASE("other programs can read a checkpoint as an HDF5 file") {
  const TemporaryFolder folder;
  const std::string path = (folder / "run.h5").string();
  const Tensor values = tensor({1.5f, -2.0f, 0.25f});
  save_checkpoint(path, {.tensors = {{"full", values},
                                     {"half", values.to(DType::f16)},
                                     {"brain", values.to(DType::bf16)}},
                         .metadata = R"({"epoch": 3})"});
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  REQUIRE(file >= 0);
  for (const char* name : {"tensors/full", "tensors/half", "tensors/brain"}) {
    double read[3] = {};
    const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    CHECK(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, read) >= 0);
    CHECK(std::vector<double>(read, read + 3) == std::vector<double>{1.5, -2.0, 0.25});
    H5Dclose(dataset);
  }
  std::string text(12, ' ');
  const hid_t dataset = H5Dopen2(file, "metadata", H5P_DEFAULT);
  const hid_t type = H5Dget_type(dataset);
  CHECK(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text.data()) >= 0);
  CHECK(text == R"({"epoch": 3})");
  H5Tclose(type);
  H5Dclose(dataset);
  H5Fclose(file);
}

TEST_CASE("state is loaded by name, whatever the order") {
  const NamedTensors target = {{"a", tensor({1, 2})}, {"b", tensor({3})}};
  load_state(target, {{"b", tensor({30})}, {"a", tensor({10, 20})}});
  CHECK(to_vector(target[0].tensor) == std::vector<double>{10, 20});
  CHECK(to_vector(target[1].tensor) == std::vector<double>{30});
}

TEST_CASE("state that does not fit names the tensor and both shapes, and changes nothing") {
  const NamedTensors target = {{"a", tensor({1, 2})}, {"b", tensor({3})}};
  CHECK_ERROR(load_state(target, {{"a", tensor({10, 20})}, {"b", tensor({30, 40})}}), invalid,
              "[load_state] b is f32 (1,) in the network and f32 (2,) in the checkpoint.");
  CHECK_ERROR(load_state(target, {{"a", tensor({10, 20})}, {"b", zeros({1}, {DType::i64})}}),
              invalid, "[load_state] b is f32 (1,) in the network and i64 (1,) in the checkpoint.");
  CHECK_ERROR(load_state(target, {{"a", tensor({10, 20})}}), invalid,
              "[load_state] the checkpoint lacks b (1,), which the network has.");
  CHECK_ERROR(load_state(target, {{"a", tensor({10, 20})}, {"b", tensor({30})}, {"c", scalar(1)}}),
              invalid, "[load_state] the checkpoint has c (), which the network lacks.");
  CHECK(to_vector(target[0].tensor) == std::vector<double>{1, 2});
}

TEST_CASE("prefixes separate the parts that share a checkpoint") {
  NamedTensors all = add_prefix("model.", {{"a", scalar(1)}, {"b", scalar(2)}});
  for (const NamedTensor& named : add_prefix("optimizer.", {{"a", scalar(3)}}))
    all.push_back(named);
  const NamedTensors model = take_prefix("model.", all);
  REQUIRE(model.size() == 2);
  CHECK(model[1].name == "b");
  const NamedTensors optimizer = take_prefix("optimizer.", all);
  REQUIRE(optimizer.size() == 1);
  CHECK(optimizer[0].tensor.item() == 3);
}

}  // namespace ranvier::test
