#include "apps/support/text.h"

#include "tests/support/catch.h"

namespace ranvier::apps {

TEST_CASE("text cannot become markup") {
  CHECK(escape("plain Ärger 数字 🧠") == "plain Ärger 数字 🧠");
  CHECK(escape("<b a=\"1\" c='2'>&") == "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;");
  CHECK(escape(std::string("a\0b\x1b\x7f\n\t", 7)) == "a�b��\n\t");
}

TEST_CASE("bytes that are not UTF-8 are replaced one by one") {
  CHECK(escape("a\xff z") == "a� z");
  CHECK(escape("\xc3") == "�");                 // cut short
  CHECK(escape("\xc0\xaf") == "��");            // overlong
  CHECK(escape("\xe0\x80\xaf") == "���");       // overlong
  CHECK(escape("\xed\xa0\x80") == "���");       // a surrogate
  CHECK(escape("\xf4\x90\x80\x80") == "����");  // beyond Unicode
  CHECK(escape("\xc2\x85") == "�");             // a control character
  CHECK(escape("\xc3<") == "�&lt;");
}

TEST_CASE("text is shortened between characters") {
  CHECK(characters("Ärger") == 5);
  CHECK(first_characters("Ärger", 1) == "Ä");
  CHECK(first_characters("Ärger", 9) == "Ärger");
  CHECK(shorten("Ärger", 5) == "Ärger");
  CHECK(shorten("Ärger", 4) == "Ärg…");
  CHECK(shorten("\xff\xff\xff", 2) == "\xff…");
}

TEST_CASE("counts are grouped by thousands") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(-1234567) == "-1,234,567");
  CHECK(grouped(-123) == "-123");
}

}  // namespace ranvier::apps
