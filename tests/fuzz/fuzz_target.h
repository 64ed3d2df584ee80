// What a fuzz target provides: one file NAME_fuzz.cpp per parser defines these two functions.
// CTest runs each on its seeds and some thousand deterministic mutations of them (driver.cpp);
// tests/fuzz/run.sh also builds it with libFuzzer, which searches on (libfuzzer.cpp).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ranvier::fuzz {

/// Valid inputs, from which mutations start.
std::vector<std::vector<std::uint8_t>> seeds();

/// Parses `input`. Must return or throw `ranvier::Error`, whatever the bytes.
void parse(std::span<const std::uint8_t> input);

}  // namespace ranvier::fuzz
