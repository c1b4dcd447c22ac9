// Tests of the core without Python, fit for sanitizers: small checks of each part, random grammars against a slow
// recogniser, and threads on one automaton.
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "../automaton/automaton.hpp"
#include "../automaton/byte_machine.hpp"
#include "../automaton/diagnosis.hpp"
#include "../automaton/token_budget.hpp"
#include "../grammar/ir.hpp"
#include "../grammar/passes.hpp"
#include "../substring/suffix_automaton.hpp"
#include "../vocabulary/token_automaton.hpp"
#include "random_case.hpp"

using namespace tamis;

namespace {

#define EXPECT(condition)                                                           \
  do {                                                                              \
    if (!(condition)) {                                                             \
      std::fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                                 \
    }                                                                               \
  } while (false)

NodeId letters(Grammar& g, const std::string& text) {
  std::vector<NodeId> nodes;
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    nodes.push_back(g.chars({{byte, byte}}, Codec::kBytes));
  }
  return g.seq(nodes);
}

bool accepts(const Automaton& a, std::string_view text) {
  const StateId end = a.advance(a.start(), text);
  return end != Automaton::kDead && a.is_complete(end);
}

bool reads(const ByteMachine& machine, std::string_view bytes) {
  ByteMachine::State state = ByteMachine::kStart;
  for (const char c : bytes) {
    if (state == ByteMachine::kAccept) return false;
    state = machine.step(state, static_cast<std::uint8_t>(c));
    if (state == ByteMachine::kDead) return false;
  }
  return state == ByteMachine::kAccept;
}

std::string utf8(std::uint32_t c) {
  const auto byte = [](std::uint32_t value) { return static_cast<char>(static_cast<std::uint8_t>(value)); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xC0 | c >> 6), byte(0x80 | (c & 63))};
  if (c < 0x10000) return {byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 63)), byte(0x80 | (c & 63))};
  return {byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 63)), byte(0x80 | (c >> 6 & 63)), byte(0x80 | (c & 63))};
}

std::string json_escape(std::uint32_t c) {
  char buffer[16];
  if (c < 0x10000) {
    std::snprintf(buffer, sizeof buffer, "\\u%04x", c);
  } else {
    std::snprintf(buffer, sizeof buffer, "\\u%04X\\u%04x", 0xD800 + ((c - 0x10000) >> 10),
                  0xDC00 + ((c - 0x10000) & 0x3FF));
  }
  return buffer;
}

void test_byte_machines() {
  std::mt19937 random(1);
  const auto point = [&] {
    static constexpr std::uint32_t kTops[] = {0x7F, 0x7FF, 0xFFFF, 0x10FFFF};
    return static_cast<std::uint32_t>(random() % (kTops[random() % 4] + 1));
  };
  for (int round = 0; round < 300; ++round) {
    CharSet set;
    for (int i = 0; i < 4; ++i) {
      const std::uint32_t low = point();
      set.emplace_back(low, low + (random() % 3 == 0 ? random() % 5000 : random() % 3));
    }
    set = set_intersection(normalised(set), {{0, 0xD7FF}, {0xE000, 0x10FFFF}});
    if (set.empty()) continue;
    const auto plain = byte_machine(set, Codec::kUtf8);
    const auto json = byte_machine(set, Codec::kJson);
    const auto member = [&](std::uint32_t c) { return !set_intersection(set, {{c, c}}).empty(); };
    for (int i = 0; i < 60; ++i) {
      std::uint32_t c = point();
      if (i % 2 == 0) {
        const auto& range = set[random() % set.size()];
        c = random() % 2 == 0 ? range.first - (random() % 2) : range.second + (random() % 2);
      }
      if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) continue;
      EXPECT(reads(*plain, utf8(c)) == member(c));
      EXPECT(reads(*json, json_escape(c)) == member(c));
      EXPECT(reads(*json, utf8(c)) == (member(c) && c >= 0x20 && c != '"' && c != '\\'));
    }
  }
  EXPECT(reads(*byte_machine({{'\n', '\n'}}, Codec::kJson), "\\n"));
  EXPECT(!reads(*byte_machine({{'n', 'n'}}, Codec::kJson), "\\n"));
}

void test_passes() {
  Grammar g;
  const NodeId s = g.rule("s");
  g.define(s, g.alt({g.seq({s, letters(g, "x")}), letters(g, "y"), Grammar::kEmpty}));
  g.start = s;
  for (const Pass& pass : passes()) pass.run(g);
  EXPECT(to_text(g) == "start ::= ε | s\ns ::= [xy] \"x\"*\n");
}

void test_automaton() {
  Grammar g;
  const NodeId list = g.rule("list");
  g.define(list,
           g.alt({g.seq({letters(g, "("), g.repeat(list, 0, Grammar::kUnbounded), letters(g, ")")}), letters(g, "a")}));
  g.start = list;
  const Automaton a(std::make_shared<const Grammar>(g), {});
  EXPECT(accepts(a, "(a(a)())"));
  EXPECT(!accepts(a, "(a"));
  EXPECT(!accepts(a, "a)"));
  std::string deep(5000, '(');
  deep += 'a' + std::string(5000, ')');
  EXPECT(accepts(a, deep));
}

// Every rule of the grammar as a label: where a state stands, in bytes, is what may come there.
void check_places(const Automaton& a, StateId state, int refused) {
  std::bitset<256> told;
  bool whole = true;
  for (const Place& place : a.diagnose(state, refused)) {
    told |= place.next;
    whole = whole && place.expected.empty();
  }
  if (whole) EXPECT(told == a.next_bytes(state));
}

void test_places() {
  Grammar g;
  const NodeId item = g.label("item", g.alt({letters(g, "ab"), letters(g, "cd")}));
  const NodeId list = g.label("list", g.seq({letters(g, "("), g.repeat(item, 1, 3), letters(g, ")")}));
  g.start = g.seq({list, g.intersect({g.repeat(letters(g, "x"), 1, 4), g.complement(letters(g, "x"))})});
  const Automaton a(std::make_shared<const Grammar>(g), {});
  const StateId open = a.advance(a.start(), "(");
  const std::vector<Place> places = a.diagnose(open, 'x');
  EXPECT(places.size() == 1 && places[0].rules == (std::vector<std::string>{"list", "item"}));
  EXPECT(places[0].next == std::bitset<256>().set('a').set('c'));
  const StateId closed = a.advance(open, "ab)x");
  EXPECT(a.diagnose(closed, -1)[0].refusals.size() == 1);  // the exclusion
  EXPECT(a.longest(a.start(), "(abz") == std::pair(a.advance(open, "ab"), std::size_t{3}));
  EXPECT(a.forced(a.start(), 10) == "(");
}

void test_places_of_random_cases() {
  std::mt19937 random(11);
  for (int round = 0; round < 500; ++round) {
    std::vector<std::uint8_t> bytes(60 + random() % 200);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    RandomCase tried(bytes.data(), bytes.size());
    for (Rule& rule : tried.grammar.rules) rule.label = true;
    try {
      const Automaton a(std::make_shared<const Grammar>(tried.grammar), {});
      for (const std::string& text : tried.texts) {
        const auto [state, read] = a.longest(a.start(), text);
        check_places(a, state, read < text.size() ? static_cast<std::uint8_t>(text[read]) : -1);
        a.forced(state, 20);
      }
    } catch (const CompileError&) {
    } catch (const LimitError&) {
    }
  }
}

void test_vocabulary() {
  const auto vocabulary = std::make_shared<const Vocabulary>(
      std::vector<std::optional<std::string>>{"a", "ab", "b", std::nullopt, "abc", "", "a", "c"},
      std::vector<TokenId>{7});
  EXPECT(!vocabulary->text(7));
  Grammar g;
  g.start = g.seq({letters(g, "ab"), g.optional(letters(g, "c"))});
  const TokenAutomaton t(std::make_shared<const Automaton>(std::make_shared<const Grammar>(g), Automaton::Limits{}),
                         vocabulary);
  EXPECT((*t.mask(t.start()))[0] == 0b01010011);
  const std::int64_t ab = t.advance(t.start(), 1);
  EXPECT(t.is_complete(ab));
  EXPECT((*t.mask(ab))[0] == 0b10000000);
  EXPECT(t.advance(ab, 7) == TokenAutomaton::kEnd);
  EXPECT((*t.mask(TokenAutomaton::kEnd))[0] == 0);
  EXPECT(t.advance(t.start(), 7) == TokenAutomaton::kRejected);
}

void test_special_tokens_and_budgets() {
  using Tokens = std::vector<std::optional<std::string>>;
  const auto vocabulary =
      std::make_shared<const Vocabulary>(Tokens{std::nullopt, "a", "b", "ab", std::nullopt, "\xFF", "<s>"},
                                         std::vector<TokenId>{0}, Vocabulary::Specials{{4, "<s>"}});
  EXPECT(!vocabulary->bytes(4) && vocabulary->bytes(5) == "\xFF");
  Grammar g;
  const NodeId any = g.repeat(g.any_byte(), 0, Grammar::kUnbounded);
  const NodeId part = g.intersect({any, g.machine(token_budget(2))});
  g.start = g.seq({letters(g, "a"), part, g.special("<s>")});
  const auto automaton = std::make_shared<const Automaton>(std::make_shared<const Grammar>(g), Automaton::Limits{});
  const TokenAutomaton t(automaton, vocabulary);
  EXPECT((*t.mask(t.start()))[0] == 0b1010);
  std::int64_t state = t.advance(t.start(), 3);
  EXPECT((*t.mask(state))[0] == 0b1011110);
  state = t.advance(state, 2);
  EXPECT((*t.mask(state))[0] == 0b0010000);
  EXPECT(t.is_complete(t.advance(state, 4)));
  EXPECT(accepts(*automaton, "aaaaaaaaaa\xFF<s>\xFE"));
  try {
    const TokenAutomaton none(automaton, std::make_shared<const Vocabulary>(Tokens{"a"}, std::vector<TokenId>{}));
    EXPECT(false);
  } catch (const SpecialTokenError& error) {
    EXPECT(error.name == "<s>" && !error.is_stop);
  }
}

void test_substrings() {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    std::string text;
    for (unsigned i = random() % 30; i > 0; --i) text += "ab \n"[random() % (round % 4 + 1)];
    const SuffixAutomaton automaton(text);
    EXPECT(automaton.memory_bytes() > 0);
    for (std::size_t from = 0; from <= text.size(); ++from) {
      SuffixAutomaton::State state = SuffixAutomaton::kStart;
      for (std::size_t at = from; at < text.size(); ++at) {
        state = automaton.step(state, static_cast<std::uint8_t>(text[at]));
        const std::string piece = text.substr(from, at + 1 - from);
        EXPECT(automaton.end(state) == text.find(piece) + piece.size() - 1);
        for (const char next : std::string("ab \n")) {
          const bool found = text.find(piece + next) != std::string::npos;
          EXPECT((automaton.step(state, static_cast<std::uint8_t>(next)) != SuffixAutomaton::kDead) == found);
        }
      }
    }
  }
}

// Random bytes as grammars and texts, against the slow recogniser.
void test_random_cases() {
  std::mt19937 random(7);
  std::size_t members = 0;
  for (int round = 0; round < 1000; ++round) {
    std::vector<std::uint8_t> bytes(60 + random() % 200);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    const RandomCase tried(bytes.data(), bytes.size());
    const std::string wrong = wrong_answer(tried);
    if (!wrong.empty()) std::fprintf(stderr, "%s\n%s\n", wrong.c_str(), to_text(tried.grammar).c_str());
    EXPECT(wrong.empty());
    for (const std::string& text : tried.texts) {
      members += static_cast<std::size_t>(std::popcount(Reference(tried.grammar, text).prefixes()));
    }
  }
  EXPECT(members > 5'000);
}

void test_threads() {
  Grammar g;
  const NodeId e = g.rule("e");
  g.define(e, g.alt({g.seq({e, letters(g, "+"), e}), g.seq({letters(g, "("), e, letters(g, ")")}), letters(g, "1")}));
  g.start = e;
  const Automaton a(std::make_shared<const Grammar>(g), {});
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 8; ++seed) {
    threads.emplace_back([&a, seed] {
      std::mt19937 random(seed % 2);
      for (int round = 0; round < 300; ++round) {
        StateId state = a.start();
        for (int i = 0; i < 30 && state != Automaton::kDead; ++i) {
          state = a.step(state, static_cast<std::uint8_t>("+1()"[random() % 4]));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

int main() {
  test_byte_machines();
  test_passes();
  test_automaton();
  test_places();
  test_places_of_random_cases();
  test_vocabulary();
  test_special_tokens_and_budgets();
  test_substrings();
  test_random_cases();
  test_threads();
  std::puts("all passed");
}
