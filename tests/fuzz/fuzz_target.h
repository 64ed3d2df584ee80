// What a fuzz target provides: one file NAME_fuzz.cpp per parser defines these two functions.
// CTest runs each on its seeds and some thousand deterministic mutations of them (driver.cpp);
// Clang 18 or newer also builds it with libFuzzer, which runs until stopped (libfuzzer.cpp).
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
