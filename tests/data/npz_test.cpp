#include "ranvier/data/formats/npz.h"

#include <zlib.h>

#include <bit>

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode format = ErrorCode::format;

void append(Bytes& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void append(Bytes& out, const std::string& text) {
  out.insert(out.end(), text.begin(), text.end());
}

/// A `.npy` file as NumPy writes it, of a header of any text.
Bytes npy_text(const std::string& header, const Bytes& data, int version = 1) {
  Bytes out{0x93, 'N', 'U', 'M', 'P', 'Y', static_cast<std::uint8_t>(version), 0};
  append(out, header.size(), version == 1 ? 2 : 4);
  append(out, header);
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

/// One column, or records, of `count` elements.
Bytes npy(const std::string& descr, std::size_t count, const Bytes& data, int version = 1) {
  return npy_text("{'descr': " + descr + ", 'fortran_order': False, 'shape': (" +
                      std::to_string(count) + ",), }  \n",
                  data, version);
}

template <class T>
Bytes npy(const std::string& type, const std::vector<T>& values) {
  Bytes data;
  for (const T value : values) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
    data.insert(data.end(), bytes, bytes + sizeof(T));
  }
  return npy("'" + type + "'", values.size(), data);
}

struct Member {
  std::string name;
  Bytes content;
  std::uint32_t claimed = 0;  // bytes beyond those it has
};

/// An archive of stored members, as np.savez writes it.
Bytes stored_zip(const std::vector<Member>& members) {
  Bytes out, directory;
  for (const Member& member : members) {
    const std::size_t offset = out.size(), size = member.content.size();
    Bytes entry;
    append(entry, 0, 2);  // no flags
    append(entry, 0, 2);  // stored
    append(entry, 0x0021'0000, 4);
    append(entry, crc32(0, member.content.data(), static_cast<uInt>(size)), 4);
    append(entry, size + member.claimed, 4);
    append(entry, size + member.claimed, 4);
    append(entry, member.name.size(), 2);
    append(entry, 0, 2);
    append(out, 0x04034b50, 4);
    append(out, 20, 2);
    out.insert(out.end(), entry.begin(), entry.end());
    append(out, member.name);
    out.insert(out.end(), member.content.begin(), member.content.end());
    append(directory, 0x02014b50, 4);
    append(directory, 20, 2);
    append(directory, 20, 2);
    directory.insert(directory.end(), entry.begin(), entry.end());
    append(directory, 0, 8);
    append(directory, 0, 2);
    append(directory, offset, 4);
    append(directory, member.name);
  }
  const std::size_t begin = out.size();
  out.insert(out.end(), directory.begin(), directory.end());
  append(out, 0x06054b50, 4);
  append(out, 0, 4);
  append(out, members.size(), 2);
  append(out, members.size(), 2);
  append(out, directory.size(), 4);
  append(out, begin, 4);
  append(out, 0, 2);
  return out;
}

const Bytes times = npy<std::int64_t>("<i8", {5, 7, 9});
const Bytes columns = npy<std::uint16_t>("<u2", {1, 33, 2});

Recording small_recording() {
  return {.sensor = {.width = 40, .height = 30, .polarities = 2},
          .events = {{5, 7, 9}, {1, 33, 2}, {3, 4, 5}, {1, 0, 1}}};
}

}  // namespace

TEST_CASE("recordings survive NumPy archives and arrays") {
  const Recording recording = small_recording();
  const TemporaryFolder folder;
  write_file(folder / "a.npz", encode_npz(recording));
  write_file(folder / "a.npy", encode_npy(recording));
  CHECK(read_npz(folder / "a.npz").events == recording.events);
  CHECK(read_npz(folder / "a.npz").sensor == recording.sensor);
  CHECK(read_npy(folder / "a.npy").events == recording.events);
  CHECK(read_npy(folder / "a.npy").sensor == Sensor{34, 6, 2});
  CHECK(encode_npz(recording) == encode_npz(recording));
  const Recording empty{.sensor = recording.sensor, .events = {}};
  CHECK(parse_npz(encode_npz(empty), "e").events.empty());
  CHECK(parse_npy(encode_npy(empty), "e").events.empty());
}

TEST_CASE("archives as np.savez writes them are read, whatever the type of a column") {
  const Bytes rows = npy<std::uint8_t>("|u1", {3, 4, 5}), on = npy<std::uint8_t>("|b1", {1, 0, 1});
  const Recording recording = parse_npz(
      stored_zip({{"t.npy", times}, {"x.npy", columns}, {"y.npy", rows}, {"p.npy", on}}), "a.npz");
  CHECK(recording.events == small_recording().events);
  CHECK(recording.sensor == Sensor{34, 6, 2});
  for (const Bytes& t :
       {npy<std::int8_t>("|i1", {5, 7, 9}), npy<std::uint8_t>("|u1", {5, 7, 9}),
        npy<std::int16_t>("<i2", {5, 7, 9}), npy<std::uint16_t>("<u2", {5, 7, 9}),
        npy<std::int32_t>("<i4", {5, 7, 9}), npy<std::uint32_t>("=u4", {5, 7, 9}),
        npy<std::uint64_t>("<u8", {5, 7, 9}), npy<float>("<f4", {5, 6.6f, 9.4f}),
        npy<double>("<f8", {5, 7, 9}), npy<std::uint16_t>("<f2", {0x4500, 0x4700, 0x4880})})
    CHECK(
        parse_npz(stored_zip({{"t.npy", t}, {"x.npy", columns}, {"y.npy", rows}}), "a").events.t ==
        std::vector<std::int64_t>{5, 7, 9});
  CHECK(parse_npz(stored_zip({{"t.npy", npy<std::int64_t>("<i8", {-5, 7, 9})},
                              {"x.npy", columns},
                              {"y.npy", rows},
                              {"p.npy", npy<std::int8_t>("|i1", {-1, 1, 0})}}),
                  "a")
            .events == Events{{-5, 7, 9}, {1, 33, 2}, {3, 4, 5}, {0, 1, 0}});
}

TEST_CASE("floating-point times without rows are seconds, as in SpikingJelly's SHD") {
  const Recording recording = parse_npz(
      stored_zip({{"t.npy", npy<double>("<f8", {0.001, 0.25, 1.5})}, {"x.npy", columns}}), "a");
  CHECK(recording.sensor == Sensor{34, 1, 1});
  CHECK(recording.events == Events{{1000, 250'000, 1'500'000}, {1, 33, 2}, {0, 0, 0}, {1, 1, 1}});
  CHECK(parse_npz(stored_zip({{"t.npy", times}, {"x.npy", columns}}), "a").events.t[0] == 5);
}

TEST_CASE("records of NumPy arrays are read in any order of their fields") {
  Bytes data;
  for (const int i : {1, 2}) {
    append(data, static_cast<std::uint64_t>(i), 2);
    append(data, 77, 4);
    append(data, static_cast<std::uint64_t>(i + 10), 8);
  }
  const std::string descr = "[('x', '<i2'), (\"other\", '<f4'), ('t', '<i8')]";
  for (const int version : {1, 2, 3}) {
    const Recording recording = parse_npy(npy(descr, 2, data, version), "a.npy");
    CHECK(recording.events == Events{{11, 12}, {1, 2}, {0, 0}, {1, 1}});
  }
}

TEST_CASE("what is wrong with a NumPy array is said") {
  const auto fails = [](const Bytes& array, const std::string& text) {
    CHECK_ERROR(parse_npy(array, "x.npy"), format, "[npy] x.npy: " + text);
  };
  const std::string tx = "[('t', '<i8'), ('x', '<i2')]";
  fails({0x93, 'N', 'U'}, "it does not begin as a NumPy array does");
  fails(npy_text("{}", {}, 4), "it is of version 4.0; 1.0, 2.0 and 3.0 are read.");
  Bytes cut = npy(tx, 0, {});
  cut.resize(60);
  fails(cut, "its header takes 83 bytes; 50 are left.");
  fails(npy("'<i8'", 2, Bytes(16)), "it has no field 't'.");
  fails(npy(tx, 2, Bytes(19)), "it declares 2 elements of 10 bytes, and holds 19 bytes.");
  fails(npy(tx, 3, Bytes(20)), "it declares 3 elements of 10 bytes, and holds 20 bytes.");
  fails(npy("[('t', '>i8'), ('x', '<i2')]", 0, {}),
        "its elements are of type \">i8\"; little-endian integers, floating-point numbers and");
  for (const char* type : {"<c8", "<f1", "<i3", "|O", "<U4", "", "<", "<i16", "<M8[us]", "|b2"})
    fails(npy(std::string("[('t', '") + type + "')]", 0, {}), "its elements are of type \"");
  fails(npy("[]", 0, {}), "its records are empty.");
  const auto header = [&](const std::string& text, const std::string& error) {
    fails(npy_text(text, {}), error);
  };
  header("  ", "\"{\" is missing at character 2 of its header.");
  header("{'descr': '<i8'", "\"}\" is missing at character 15 of its header.");
  header("{'descr': '<i8'}", "'descr', 'fortran_order' or 'shape' is missing");
  header("{'a': '<i8'}", "another key than 'a' is missing at character");
  header("{'descr': '<i8', 'descr': '<i8'}", "another key than 'descr' is missing");
  header("{'descr': [('t', '<i8', (2,))]}", "\")\" is missing at character");
  header("{'descr': [('t'", "\",\" is missing at character 15");
  header("{'descr': 'a\\'b'}", "a string is missing at character 10");
  header("{'fortran_order': None}", "\"False\" is missing at character 18");
  header("{'shape': (-1,)}", "a length is missing at character");
  header("{'shape': (99999999999999999999,)}", "a length is missing at character 11");
  header("{'descr': '<i8', 'fortran_order': False, 'shape': (2, 2)}", "it has 2 axes; columns of");
  header("{'descr': '<i8', 'fortran_order': False, 'shape': ()}", "it has 0 axes; columns of");
  header("{'descr': '<i8', 'fortran_order': False, 'shape': (9223372036854775807,)}",
         "it declares 9223372036854775807 elements of 8 bytes, and holds 0 bytes.");
}

TEST_CASE("numbers that no event has are refused in NumPy arrays") {
  const auto fails = [](const Bytes& t, const std::string& text) {
    CHECK_ERROR(
        parse_npz(stored_zip({{"t.npy", t}, {"x.npy", columns}, {"y.npy", columns}}), "x.npz"),
        format, text);
  };
  fails(npy<double>("<f8", {1, std::bit_cast<double>(0x7ff8ull << 48), 2}),
        "[npz] x.npz (t.npy): element 1 at byte 78: it is nan; numbers must lie within 2^53 of 0.");
  fails(npy<float>("<f4", {1e30f, 1, 2}), "element 0 at byte 70: it is 1e+30;");
  fails(npy<std::uint64_t>("<u8", {0, ~0ull, 0}),
        "element 1 at byte 78: it is 18446744073709551615");
  fails(npy<std::int64_t>("<i8", {0, (std::int64_t{1} << 52) + 1, 0}), "times lie within");
  CHECK_ERROR(
      parse_npz(stored_zip({{"t.npy", times}, {"x.npy", npy<std::int64_t>("<i8", {0, -1, 0})}}),
                "x.npz"),
      format, "[npz] x.npz: event 1 is at (-1, 0); sensors have 0 to 32767.");
}

TEST_CASE("what is wrong with an archive of columns is said") {
  const auto fails = [](const Bytes& archive, const std::string& text) {
    CHECK_ERROR(parse_npz(archive, "x.npz"), format, "[npz] x.npz" + text);
  };
  fails({}, " has no member t.npy;");
  fails(Bytes(100, 'x'), " cannot be read as a zip archive: ");
  fails(stored_zip({{"t.npy", times}}), " has no member x.npy; events have t and x, and may have");
  fails(stored_zip({{"x.npy", columns}, {"t", times}}), " has no member t.npy;");
  fails(stored_zip({{"t.npy", times}, {"x.npy", npy<std::uint8_t>("|u1", {1})}}),
        ": x has 1 elements and t has 3; they must be as many.");
  fails(stored_zip({{"t.npy", Bytes{1, 2}}, {"x.npy", columns}}),
        " (t.npy): it does not begin as a NumPy array does");
  Bytes damaged = stored_zip({{"t.npy", times}, {"x.npy", columns}});
  damaged[100] ^= 1;  // of the first member's data
  fails(damaged, ": member t.npy is damaged after ");
  fails(stored_zip({{"t.npy", times, 1u << 30}, {"x.npy", columns}}),
        ": member t.npy is damaged after 329 unpacked bytes: Premature end of file.");
}

TEST_CASE("an archive cut anywhere is an error") {
  const Bytes archive = encode_npz(small_recording());
  for (std::size_t length = 0; length < archive.size(); ++length) {
    CAPTURE(length);
    CHECK_ERROR(
        parse_npz(Bytes(archive.begin(), archive.begin() + static_cast<std::ptrdiff_t>(length)),
                  "x"),
        format, "[npz] x");
  }
}

TEST_CASE("archives that unpack to more than allowed are refused") {
  Recording still{.sensor = {1, 1, 1}, .events = {}};
  still.events.resize(200'000);
  const Bytes archive = encode_npz(still);
  CHECK(archive.size() < 20'000);
  CHECK_ERROR(parse_npz(archive, "bomb.npz", {.read = {.max_bytes = 1'000'000}}), format,
              "[npz] bomb.npz: member t.npy unpacks to more than 1000000 bytes.");
}

}  // namespace ranvier::test
