// Checkpoints whose damage comes with a seal that fits: what somebody would make on purpose.
#include "ranvier/data/checkpoint.h"
#include "tests/data/checkpoint_writer.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/memory_file.h"

namespace ranvier::fuzz {

// An input is a contents table; `sealed_table` puts some data in front of it.
std::vector<std::vector<std::uint8_t>> seeds() {
  const std::string metadata = R"("metadata":{"length":2,"offset":576})";
  const auto bytes = [](const std::string& text) {
    return std::vector<std::uint8_t>(text.begin(), text.end());
  };
  return {bytes(R"({"tensors":[],)" + metadata + "}"),
          bytes(R"({"tensors":[{"name":"a","dtype":"f32","shape":[2,3],"offset":512}],)" +
                metadata + "}"),
          bytes(R"({"tensors":[{"name":"a","dtype":"i64","shape":[],"offset":512},)"
                R"({"name":"b","dtype":"bits","shape":[2,64],"offset":520}],)" +
                metadata + "}")};
}

void parse(std::span<const std::uint8_t> input) {
  static test::MemoryFile file;
  file.set(test::sealed_table(std::string(input.begin(), input.end())));
  load_checkpoint(file.path());
}

}  // namespace ranvier::fuzz
