// Subsets that read any number of characters of one set: recognised, so that masks need not try every token on them.
#include <algorithm>

#include "subsets.hpp"

namespace tamis {
namespace {

constexpr std::size_t kPositions = 12;  // larger subsets are not looked at

}  // namespace

std::optional<Subsets::Loop> Subsets::loop(SubsetId subset) {
  const std::vector<Position> positions = subsets_.copy(subset);
  if (positions.size() > kPositions) return std::nullopt;
  for (const Position p : positions) {
    const Nfa::Kind kind = nfa_.states[state_of(p)].kind;
    if (kind == Nfa::Kind::kBoolean) return loop_of_combination(subset, p);
    if (kind == Nfa::Kind::kChars && machine_state_of(p) != ByteMachine::kStart) return std::nullopt;
  }
  for (const Position p : positions) {
    if (nfa_.states[state_of(p)].kind != Nfa::Kind::kChars) continue;
    if (const auto found = loop_of_character(subset, p)) return found;
  }
  return std::nullopt;
}

// Whether no position of the subset but p reads a byte that may begin a character of the machine.
bool Subsets::leaves_alone(SubsetId subset, Position p, std::uint32_t machine) const {
  return (first_bytes(subset, p) & nfa_.machines[machine]->first_bytes()).none();
}

std::optional<Subsets::Loop> Subsets::loop_of_character(SubsetId subset, Position p) {
  const Nfa::State state = nfa_.states[state_of(p)];
  if (!leaves_alone(subset, p, state.a)) return std::nullopt;
  if (closure(position(state.b, 0, frame_of(p))) == subset) return Loop{state.a, kEndless};
  const Nfa::State after = nfa_.states[state.b];
  if (after.kind != Nfa::Kind::kNext || nfa_.counters[after.a].body != state_of(p)) return std::nullopt;
  const Nfa::Counter& counter = nfa_.counters[after.a];
  const FrameId parent = frames_.begin(frame_of(p))[0];
  const std::uint32_t count = frames_.begin(frame_of(p))[1];
  // What follows the repetition joins in once the minimum is reached.
  if (closure(position(counter.head, 0, frame_of(p))) != subset) return std::nullopt;
  if (!leaves_alone(closure(position(counter.exit, 0, parent)), p, state.a)) return std::nullopt;
  return Loop{state.a, counter.max < 0 ? kEndless : static_cast<std::uint32_t>(counter.max) - count};
}

std::optional<Subsets::Loop> Subsets::loop_of_combination(SubsetId subset, Position p) {
  const FrameId parent = frames_.begin(frame_of(p))[0];
  const auto found = loop_of_tuple(frames_.begin(frame_of(p))[1]);
  if (!found || !leaves_alone(subset, p, found->machine)) return std::nullopt;
  // What follows the combination joins in whenever its operands accept.
  const SubsetId exit = closure(position(nfa_.states[state_of(p)].b, 0, parent));
  return leaves_alone(exit, p, found->machine) ? found : std::nullopt;
}

std::optional<Subsets::Loop> Subsets::loop_of_tuple(TupleId tuple) {
  const std::vector<std::uint32_t> words = tuples_.copy(tuple);
  const Nfa::Boolean& operands = nfa_.booleans[words[0]];
  std::optional<Loop> common;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (operands[i].kind != Nfa::OperandKind::kRegular) return std::nullopt;
    if (operands[i].negated && words[i + 1] == kEmpty) continue;
    if (operands[i].negated) return std::nullopt;
    const auto found = loop(words[i + 1]);
    if (!found || (common && nfa_.machines[common->machine] != nfa_.machines[found->machine])) return std::nullopt;
    common = Loop{found->machine, common ? std::min(common->most, found->most) : found->most};
  }
  return common;
}

std::bitset<256> Subsets::first_bytes(SubsetId subset, Position without) const {
  std::bitset<256> bytes;
  for (const Position* p = subsets_.begin(subset); p != subsets_.end(subset); ++p) {
    const Nfa::State& state = nfa_.states[state_of(*p)];
    if (*p == without) continue;
    if (state.kind == Nfa::Kind::kBoolean) return bytes.set();
    if (state.kind == Nfa::Kind::kChars) {
      bytes |= nfa_.machines[state.a]->first_bytes(static_cast<ByteMachine::State>(machine_state_of(*p)));
    }
  }
  return bytes;
}

}  // namespace tamis
