// Tests of the machines of formats without Python, fit for sanitizers: random texts, character by character.
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "../formats/host_machine.hpp"
#include "../formats/pattern_machine.hpp"

using namespace tamis;
using namespace tamis::formats;

namespace {

#define EXPECT(condition)                                                           \
  do {                                                                              \
    if (!(condition)) {                                                             \
      std::fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                                 \
    }                                                                               \
  } while (false)

std::unique_ptr<CharacterMachine> patterns() {
  const auto tables = std::make_shared<PatternTables>();
  tables->properties = {U"L", U"Lu", U"sc=Grek"};
  tables->identifier_start = {{U'$', U'$'}, {U'A', U'Z'}, {U'_', U'_'}, {U'a', U'z'}, {0x1D49C, 0x1D49C}};
  tables->identifier_part = {{U'$', U'$'}, {U'0', U'9'}, {U'A', U'Z'}, {U'_', U'_'}, {U'a', U'z'}, {0x1D49C, 0x1D49C}};
  return pattern_machine(tables);
}

bool accepts(CharacterMachine& machine, std::u32string_view text) {
  auto state = machine.start();
  for (const char32_t c : text) {
    state = machine.step(state, c);
    if (state == Machine::kDead) return false;
  }
  return machine.is_complete(state);
}

void test_patterns() {
  const auto machine = patterns();
  EXPECT(accepts(*machine, U""));
  EXPECT(accepts(*machine, U"(a|b)*?"));
  EXPECT(accepts(*machine, U"\\2(a)(?<a>b)\\k<a>"));
  EXPECT(accepts(*machine, U"[\\ud83d\\ude00-\\u{1f64f}]"));
  EXPECT(accepts(*machine, U"(?<\\ud835\\udc9c>)\\k<\U0001D49C>"));
  EXPECT(accepts(*machine, U"\\p{sc=Grek}{2,10}"));
  EXPECT(!accepts(*machine, U"\\p{sc=Gre}"));
  EXPECT(!accepts(*machine, U"a{3,2}"));
  EXPECT(!accepts(*machine, U"(?<a>)(?<a>)"));
  EXPECT(!accepts(*machine, U"[b-a]"));
}

// Whatever the text: no error, one answer however often it is asked, and a complete text was alive all along.
void test_random_texts(CharacterMachine& machine, std::u32string_view alphabet, unsigned seed) {
  std::mt19937 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    std::u32string text;
    auto state = machine.start();
    while (state != Machine::kDead && text.size() < 40) {
      const char32_t c =
          random() % 50 == 0 ? static_cast<char32_t>(random() % 0x110000) : alphabet[random() % alphabet.size()];
      const auto next = machine.step(state, c);
      EXPECT(machine.step(state, c) == next);
      if (next == Machine::kDead && random() % 8 != 0) continue;  // another one
      text += c;
      state = next;
      if (random() % 12 == 0) break;
    }
    EXPECT(accepts(machine, text) == (state != Machine::kDead && machine.is_complete(state)));
  }
}

}  // namespace

int main() {
  test_patterns();
  test_random_texts(*patterns(), U"aLuz019-^$\\\\()()[][]{}{}*+?|<>=!:,.kpxucdb_\\(?<", 1);
  test_random_texts(*host_machine(HostPart::kName), U"ab1-.xn\u00e9\u00df\u05d0\u3002\u0301", 2);
  test_random_texts(*host_machine(HostPart::kALabel), U"abxn--19z\u00e9", 3);
  std::puts("all passed");
  return 0;
}
