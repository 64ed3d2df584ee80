// Catch2, version 2 or 3, spelled as version 3: tests include this file and never Catch2 itself.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#define RV_CATCH_2
#endif

#include <string>

namespace ranvier::test {

#ifdef RV_CATCH_2
using Catch::Detail::Approx;
// Ends a test case, saying why; version 2 counts it as passed. Only in the body of a test case.
#define SKIP(reason)             \
  do {                           \
    WARN("skipped: " << reason); \
    return;                      \
  } while (false)
inline auto contains(const std::string& text) { return Catch::Matchers::Contains(text); }
#else
using Catch::Approx;
inline auto contains(const std::string& text) { return Catch::Matchers::ContainsSubstring(text); }
#endif

}  // namespace ranvier::test
