// Tests of the backtracking matcher without Python, fit for sanitizers: the decoder on every character, programs made
// by hand, and random programs on random texts, whose answers must not contradict each other.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "../automaton/subsets.hpp"
#include "../regex/decoder.hpp"
#include "../regex/matcher.hpp"
#include "../regex/source.hpp"

using namespace tamis;
using namespace tamis::regex;

namespace {

#define EXPECT(condition)                                                           \
  do {                                                                              \
    if (!(condition)) {                                                             \
      std::fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                                 \
    }                                                                               \
  } while (false)

// The one character that these bytes spell, or -1.
std::int64_t decoded(Codec codec, const std::string& bytes) {
  const Decoder decoder(codec);
  Decoder::State state = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const Decoder::Step step = decoder.step(state, static_cast<std::uint8_t>(bytes[i]));
    if (step.kind == Decoder::Step::Kind::kDead) return -1;
    if (step.kind == Decoder::Step::Kind::kCharacter) return i + 1 == bytes.size() ? std::int64_t{step.value} : -1;
    state = step.value;
  }
  return -1;
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

void test_decoder() {
  for (std::uint32_t c = 0; c <= 0x10FFFF; ++c) {
    const bool scalar = c < 0xD800 || c > 0xDFFF;
    const std::int64_t wanted = scalar ? std::int64_t{c} : -1;
    EXPECT(decoded(Codec::kUtf8, utf8(c)) == wanted);
    EXPECT(decoded(Codec::kJson, json_escape(c)) == wanted);
    const bool plain = scalar && c >= 0x20 && c != '"' && c != '\\';
    EXPECT(decoded(Codec::kJson, utf8(c)) == (plain ? wanted : -1));
  }
  EXPECT(decoded(Codec::kJson, "\\n") == '\n');
  EXPECT(decoded(Codec::kJson, "\\x") == -1);
  EXPECT(decoded(Codec::kJson, "\\ud83d\\u0041") == -1);
  for (const char* bad : {"\xC0\x80", "\xE0\x80\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\x80", "\xFF"}) {
    EXPECT(decoded(Codec::kUtf8, bad) == -1);
  }
  EXPECT(decoded(Codec::kBytes, "\xFF") == 0xFF);
}

Instruction op(Op name, std::int32_t a = 0, std::int32_t b = 0, std::int32_t c = 0, std::int32_t d = 0) {
  return {name, a, b, c, d};
}

Outcome run(const Program& program, const std::u32string& text) {
  program.check();
  return Matcher(program).run(text);
}

void test_reference() {
  // ([ab]+)\1
  Program p;
  p.sets = {CodePoints({{'a', 'b'}})};
  p.groups = 1;
  p.code = {op(Op::kOpen), op(Op::kChars, 0, 1, -1), op(Op::kClose, 0), op(Op::kBackreference, 0, 0, -1),
            op(Op::kMatch)};
  EXPECT(run(p, U"abab").complete);
  EXPECT(!run(p, U"aba").complete && run(p, U"aba").open);
  EXPECT(!run(p, U"abc").open);
  EXPECT(!run(p, U"").complete && run(p, U"").open);
}

void test_look_around() {
  // (?!aa)[ab]*
  Program p;
  p.sets = {CodePoints({{'a', 'a'}}), CodePoints({{'a', 'b'}})};
  p.code = {op(Op::kLook, -1, 4), op(Op::kChar, 0),         op(Op::kChar, 0),
            op(Op::kLookEnd),     op(Op::kChars, 1, 0, -1), op(Op::kMatch)};
  EXPECT(run(p, U"a").complete && run(p, U"a").open);
  EXPECT(run(p, U"ab").complete);
  EXPECT(!run(p, U"aa").complete && !run(p, U"aa").open);
  EXPECT(!run(p, U"aab").open);
}

void test_recursion() {
  // (a(?1)?b), called: the whole pattern is the subroutine at 1.
  Program p;
  p.sets = {CodePoints({{'a', 'a'}}), CodePoints({{'b', 'b'}})};
  p.code = {op(Op::kCall, 2), op(Op::kMatch),   op(Op::kChar, 0), op(Op::kSplit, 5),
            op(Op::kCall, 2), op(Op::kChar, 1), op(Op::kReturn)};
  EXPECT(run(p, U"aaabbb").complete);
  EXPECT(!run(p, U"aabbb").complete && !run(p, U"aabbb").open);
  EXPECT(!run(p, U"aab").complete && run(p, U"aab").open);
}

void test_bad_programs() {
  Program p;
  const auto refused = [&] {
    try {
      p.check();
    } catch (const CompileError&) {
      return true;
    }
    return false;
  };
  EXPECT(refused());
  p.code = {op(Op::kChar, 0), op(Op::kMatch)};
  EXPECT(refused());
  p.code = {op(Op::kJump, 5), op(Op::kMatch)};
  EXPECT(refused());
  p.code = {op(Op::kSplit, 0)};
  EXPECT(refused());
}

// A random program: the instructions of a random pattern over a and b.
class RandomPattern {
 public:
  explicit RandomPattern(std::uint32_t seed) : random_(seed) {
    program.sets = {CodePoints({{'a', 'a'}}), CodePoints({{'b', 'b'}}), CodePoints({{'a', 'b'}})};
    program.groups = 2;
    emit(4, false);
    add(op(Op::kMatch));
  }
  Program program;

 private:
  std::int32_t here() const { return static_cast<std::int32_t>(program.code.size()); }
  std::int32_t add(Instruction i) {
    program.code.push_back(i);
    return here() - 1;
  }
  std::int32_t below(int n) { return static_cast<std::int32_t>(random_() % static_cast<unsigned>(n)); }

  void emit(int depth, bool behind) {
    const std::int32_t back = behind ? kBehind : 0;
    switch (depth == 0 ? below(3) : below(12)) {
      case 0:
      case 1:
        add(op(Op::kChar, below(3), back));
        return;
      case 2: {
        const std::int32_t least = below(2);
        add(op(Op::kChars, below(3), least, below(2) == 0 ? -1 : least + 2, back | (below(3) == 0 ? kLazy : 0)));
        return;
      }
      case 3:
      case 4:
        emit(depth - 1, behind);
        emit(depth - 1, behind);
        return;
      case 5: {
        const std::int32_t split = add(op(Op::kSplit, 0, below(2)));
        emit(depth - 1, behind);
        const std::int32_t jump = add(op(Op::kJump));
        program.code[static_cast<std::size_t>(split)].a = here();
        emit(depth - 1, behind);
        program.code[static_cast<std::size_t>(jump)].a = here();
        return;
      }
      case 6: {
        const std::int32_t group = below(2);
        add(op(Op::kOpen));
        emit(depth - 1, behind);
        add(op(Op::kClose, group));
        return;
      }
      case 7:
        add(op(Op::kBackreference, below(2), back | below(2), -1));
        return;
      case 8: {
        const auto index = static_cast<std::int32_t>(program.loops.size());
        const std::int32_t least = below(2);
        program.loops.push_back(
            {least, below(2) == 0 ? -1 : least + 1, below(2) == 0, static_cast<EmptyRounds>(below(3)), 0, 0});
        add(op(Op::kLoop, index));
        const std::int32_t body = here();
        emit(depth - 1, behind);
        add(op(Op::kLoopEnd, index));
        program.loops[static_cast<std::size_t>(index)].body = body;
        program.loops[static_cast<std::size_t>(index)].exit = here();
        return;
      }
      case 9: {
        const bool negated = below(2) == 0;
        const std::int32_t look = add(op(Op::kLook, -1, -1, negated ? 0 : below(2)));
        emit(depth - 1, below(2) == 0);
        add(op(Op::kLookEnd));
        (negated ? program.code[static_cast<std::size_t>(look)].b : program.code[static_cast<std::size_t>(look)].a) =
            here();
        return;
      }
      case 10:
        add(op(Op::kAtomic));
        emit(depth - 1, behind);
        add(op(Op::kAtomicEnd));
        return;
      default:
        add(op(Op::kAssert, below(kAssertions), below(3), 1));
    }
  }

  std::mt19937 random_;
};

// Texts that the matcher calls closed have no matching continuation, and settled ones match with any.
void test_random_programs() {
  std::vector<std::u32string> texts = {U""};
  for (std::size_t i = 0; texts[i].size() < 5; ++i) {
    for (const char32_t c : {U'a', U'b'}) texts.push_back(texts[i] + c);
  }
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    Program program = RandomPattern(seed).program;
    program.search = seed % 3 == 0;
    program.check();
    Matcher matcher(program);
    std::map<std::u32string, Outcome> outcomes;
    try {
      for (const std::u32string& text : texts) outcomes[text] = matcher.run(text);
    } catch (const LimitError&) {
      continue;
    }
    for (const std::u32string& text : texts) {
      for (std::size_t n = 0; n < text.size(); ++n) {
        const Outcome& before = outcomes[text.substr(0, n)];
        EXPECT(!outcomes[text].complete || before.open);
        EXPECT(outcomes[text].complete || !before.settled);
      }
    }
  }
}

void test_machine() {
  Program p;
  p.sets = {CodePoints({{0, 0x10FFFF}})};
  p.groups = 1;
  p.code = {op(Op::kOpen), op(Op::kChar, 0), op(Op::kClose, 0), op(Op::kBackreference, 0, 0, -1), op(Op::kMatch)};
  const auto source = regex_source(p, Codec::kJson);
  EXPECT(!source->accepts_empty());
  const auto machine = source->make();
  const auto after = [&](const std::string& bytes) {
    Machine::State state = machine->start();
    for (const char c : bytes) {
      if (state == Machine::kDead) return state;
      state = machine->step(state, static_cast<std::uint8_t>(c));
    }
    return state;
  };
  EXPECT(machine->is_complete(after("\\u00e9\xC3\xA9")));
  EXPECT(after("\\u00e9e") == Machine::kDead);
  EXPECT(after("\\u00e9") == after("\xC3\xA9"));
  EXPECT(!machine->is_complete(after("aa\\") == Machine::kDead ? after("a") : after("aa\\")));
  EXPECT(machine->memory_bytes() > 0);
}

}  // namespace

int main() {
  test_decoder();
  test_reference();
  test_look_around();
  test_recursion();
  test_bad_programs();
  test_random_programs();
  test_machine();
  std::puts("all passed");
}
