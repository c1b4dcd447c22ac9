// Tests of lark's machine without Python, fit for sanitizers: a small grammar by hand, and random programs and tables
// under random texts for memory errors and for states that are what they seem.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>

#include "../automaton/subsets.hpp"
#include "../lark/machine.hpp"

using namespace tamis;
using namespace tamis::lark;

namespace {

#define EXPECT(condition)                                                           \
  do {                                                                              \
    if (!(condition)) {                                                             \
      std::fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                                 \
    }                                                                               \
  } while (false)

using Op = Instruction::Op;

Address add(Tables& t, Op op, std::uint32_t a, Address b) {
  t.program.push_back({op, a, b, b});
  return static_cast<Address>(t.program.size() - 1);
}

Address match(Tables& t, std::uint32_t a) {
  t.program.push_back({Op::kMatch, a, 0, 0});
  return static_cast<Address>(t.program.size() - 1);
}

// A loop over `set`, at least once, then a match.
Address some(Tables& t, std::uint32_t set, Type type) {
  const Address end = match(t, type);
  const Address begin = static_cast<Address>(t.program.size() + 1);
  const Address again = add(t, Op::kSplit, begin, end);
  return add(t, Op::kChar, set, again);
}

bool accepts(Machine& machine, std::string_view text) {
  Machine::State state = machine.start();
  for (const char c : text) {
    state = machine.step(state, static_cast<std::uint8_t>(c));
    if (state == Machine::kDead) return false;
  }
  return machine.is_complete(state);
}

// start: "let"i NAME | NAME ; the keyword is one only where the lexer expects it.
void test_keywords() {
  enum : Type { kEnd, kName, kLet };
  Tables t;
  t.sets = {{{'a', 'z'}}, {{'l', 'l'}}, {{'e', 'e'}}, {{'t', 't'}}, {{' ', ' '}}};
  t.ignored = {false, false, false, true};
  const Address name = some(t, 0, kName);
  const Address space = some(t, 4, 3);
  const Address let = add(t, Op::kChar, 1, add(t, Op::kChar, 2, add(t, Op::kChar, 3, match(t, kLet))));
  t.lexers = {{{{kName, name}, {3, space}}, {{kName, {{kLet, let}}}}}, {{{kName, name}, {3, space}}, {}}};
  t.rules = {{0, 1}, {0, 2}};
  // 0: start, 1: after NAME, 2: after LET, 3: after LET NAME, 4: the end
  t.states = {{0, {{kName, 1}, {kLet, 2}}, {{0, 4}}},
              {1, {{kEnd, ~0}}, {}},
              {1, {{kName, 3}}, {}},
              {1, {{kEnd, ~1}}, {}},
              {1, {}, {}}};
  t.start_state = 0;
  t.end_state = 4;
  t.end = kEnd;
  const LarkSource source(std::move(t));
  EXPECT(!source.accepts_empty());
  const std::unique_ptr<Machine> machine = source.make();
  EXPECT(accepts(*machine, "x"));
  EXPECT(accepts(*machine, " let let "));
  EXPECT(accepts(*machine, "lets"));
  EXPECT(!accepts(*machine, "let"));
  EXPECT(!accepts(*machine, "lets x"));
  EXPECT(!accepts(*machine, ""));
}

void test_code_points() {
  const CodePoints points({{{'a', 'z'}, {0xE9, 0xE9}, {0x20AC, 0x1F600}}, {{0xE9, 0x10FFFF}}}, {{'x', 'y'}});
  const auto reads = [&](std::string_view bytes) {
    CodePoints::Reading reading{CodePoints::Reading::Kind::kInside, CodePoints::kBoundary};
    for (const char c : bytes) {
      if (reading.kind != CodePoints::Reading::Kind::kInside) return -1;
      reading = points.read(reading.value, static_cast<std::uint8_t>(c));
    }
    return reading.kind == CodePoints::Reading::Kind::kComplete ? static_cast<int>(reading.value) : -1;
  };
  EXPECT(reads("a") >= 0 && reads("a") == reads("z") && reads("a") != reads("x") && reads("x") != reads("y"));
  EXPECT(points.contains(0, points.class_of('a')) && !points.contains(1, points.class_of('a')));
  EXPECT(reads("\xC3\xA9") == static_cast<int>(points.class_of(0xE9)));
  EXPECT(reads("\xE2\x82\xAC") == static_cast<int>(points.class_of(0x20AC)));
  EXPECT(reads("\xE0\xA0\x80") == static_cast<int>(points.class_of(0x800)));
  EXPECT(reads("\xF0\x9F\x98\x80") == static_cast<int>(points.class_of(0x1F600)));
  EXPECT(reads("\xF4\x8F\xBF\xBF") == static_cast<int>(points.class_of(0x10FFFF)));
  for (const char* bad : {"\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                          "\xF4\x90\x80\x80", "\x80", "\xFF", "\xE2\x82", "\xE2\x28\xA1"}) {
    EXPECT(reads(bad) == -1);
  }
}

// Random programs and parsers; what they mean does not matter.
class RandomTables {
 public:
  explicit RandomTables(std::mt19937& rng) : rng_(rng) {}

  Tables make() {
    t_.sets = {{{'a', 'a'}}, {{'b', 'c'}}, {{0, 0x10FFFF}}, {{'\n', '\n'}, {0xE0, 0xFF}}};
    t_.captured = {{'a', 'c'}};
    t_.folds = {{'b', 'c'}};
    const std::uint32_t types = 2 + below(5);  // the last is the end of the text
    for (Type type = 0; type < types; ++type) t_.ignored.push_back(type + 1 < types && below(5) == 0);
    t_.end = types - 1;
    const std::uint32_t lexers = 1 + below(3);
    for (std::uint32_t i = 0; i < lexers; ++i) {
      Lexer lexer;
      for (Type type = 0; type + 1 < types; ++type) {
        if (below(3) == 0) continue;
        // No token is empty.
        lexer.terminals.push_back({type, add(t_, Op::kChar, below(4), part(3, match(t_, type)))});
        if (below(2) == 0) lexer.unless.push_back({type, {{below(types), part(1, match(t_, below(types)))}}});
      }
      t_.lexers.push_back(lexer);
    }
    const std::uint32_t states = 1 + below(6);
    t_.rules = {{0, 0}, {0, 1}, {1, 2}, {0, 3}};
    for (std::uint32_t i = 0; i < states; ++i) {
      ParserState state{below(lexers), {}, {{0, below(states)}, {1, below(states)}}};
      for (Type type = 0; type < types; ++type) {
        const bool reduces = below(4) == 0;
        if (below(4) != 0) {
          state.actions.emplace_back(
              type, reduces ? ~static_cast<std::int32_t>(below(4)) : static_cast<std::int32_t>(below(states)));
        }
      }
      t_.states.push_back(state);
    }
    t_.start_state = below(states);
    t_.end_state = below(states);
    for (Type type = 0; type < types; ++type) t_.type_names.push_back("T" + std::to_string(type));
    for (std::uint32_t i = 0; i < states; ++i) t_.state_rules.push_back({{"r" + std::to_string(i), below(3)}});
    if (below(2) == 0) t_.indenter = Indenter{0, below(types), below(types), {below(types)}, {below(types)}, 4};
    return t_;
  }

 private:
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(rng_() % bound); }

  Address part(int depth, Address next) {
    const std::uint32_t kind = depth == 0 ? 0 : below(10);
    switch (kind) {
      case 1:
        return part(depth - 1, part(depth - 1, next));
      case 2:
        return add(t_, Op::kSplit, part(depth - 1, next), part(depth - 1, next));
      case 3: {
        const Address loop = add(t_, Op::kSplit, 0, next);
        const Address body = part(depth - 1, loop);
        t_.program[loop] = {Op::kSplit, body, next, next};
        return loop;
      }
      case 4: {
        const bool ahead = below(2) == 0;
        const Address entry = part(depth - 1, match(t_, 0));
        t_.looks.push_back({entry, ahead});
        return add(t_, Op::kLook, 2 * static_cast<std::uint32_t>(t_.looks.size() - 1) + below(2), next);
      }
      case 5:
        t_.atomics.push_back(part(depth - 1, match(t_, below(2))));
        return add(t_, Op::kAtomic, static_cast<std::uint32_t>(t_.atomics.size() - 1), next);
      case 6: {
        const Address rest = add(t_, Op::kRepeat, below(2), next);
        return add(t_, Op::kOpen, 0, part(depth - 1, add(t_, Op::kClose, 0, rest)));
      }
      default:
        return add(t_, Op::kChar, below(4), next);
    }
  }

  std::mt19937& rng_;
  Tables t_;
};

void test_random_tables() {
  const std::vector<std::string> pieces = {"a", "b", "c", "\n", " ", "\t", "\xC3\xA9", "\xC3", "\xE2\x82\xAC", "\xFF"};
  int complete = 0;
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 rng(seed);
    const LarkSource source(RandomTables(rng).make());
    std::bitset<257> starts;
    source.mark_byte_classes(starts);
    const std::unique_ptr<Machine> machine = source.make();
    for (int i = 0; i < 30; ++i) {
      std::string text;
      for (std::uint32_t length = rng() % 12; length > 0; --length) text += pieces[rng() % pieces.size()];
      try {
        Machine::State state = machine->start();
        for (const char c : text) {
          const Machine::State next = machine->step(state, static_cast<std::uint8_t>(c));
          EXPECT(next == machine->step(state, static_cast<std::uint8_t>(c)));
          machine->describe(state);
          state = next;
          if (state == Machine::kDead) break;
        }
        if (state != Machine::kDead && machine->is_complete(state)) ++complete;
        EXPECT(state == Machine::kDead || accepts(*source.make(), text) == machine->is_complete(state));
      } catch (const LimitError&) {
      }
    }
    EXPECT(machine->memory_bytes() > 0);
  }
  EXPECT(complete > 50);
}

void test_bad_tables() {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 rng(seed);
    Tables t = RandomTables(rng).make();
    if (t.program.empty()) continue;
    Instruction& instruction = t.program[rng() % t.program.size()];
    (rng() % 2 == 0 ? instruction.a : instruction.b) = 0x7FFFFFFF;
    if (instruction.op == Op::kMatch) continue;
    bool refused = false;
    try {
      const LarkSource source(t);
    } catch (const std::invalid_argument&) {
      refused = true;
    }
    EXPECT(refused);
  }
}

}  // namespace

int main() {
  test_keywords();
  test_code_points();
  test_random_tables();
  test_bad_tables();
  std::puts("ok");
  return 0;
}
