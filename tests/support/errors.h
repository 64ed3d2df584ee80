// Asserting on errors: their code and what they say.
#pragma once

#include <string>

#include "ranvier/core/error.h"
#include "tests/support/catch.h"

/// Checks that `expression` throws `Error` with `code` and a message that contains `text`.
#define CHECK_ERROR(expression, expected_code, text)                          \
  do {                                                                        \
    bool thrown = false;                                                      \
    try {                                                                     \
      static_cast<void>(expression);                                          \
    } catch (const ::ranvier::Error& error) {                                 \
      thrown = true;                                                          \
      CHECK(error.code() == (expected_code));                                 \
      CHECK_THAT(std::string(error.what()), Catch::Matchers::Contains(text)); \
    }                                                                         \
    if (!thrown) FAIL_CHECK("expected an error with: " << (text));            \
  } while (false)
