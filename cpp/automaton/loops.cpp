// Subsets that read any number of characters of one set: recognised, so that masks need not try every token on them.
#include <algorithm>

#include "subsets.hpp"

namespace tamis {
namespace {

constexpr std::size_t kPositions = 2000;  // larger subsets are not looked at
constexpr std::size_t kBytes = 8;         // a set that begins with fewer is worth a loop only if it is counted

// Whether all characters of the machine are such of JSON strings, as JSON spells them.
bool is_json(const ByteMachine& machine) {
  const std::bitset<256> first = machine.first_bytes();
  for (unsigned byte = 0; byte < 0x20; ++byte) {
    if (first[byte]) return false;
  }
  return !first['"'] && machine.step(ByteMachine::kStart, '\\') != ByteMachine::kAccept;
}

}  // namespace

std::optional<Subsets::Loop> Subsets::loop(SubsetId subset) {
  if (const auto known = loops_.find(subset); known != loops_.end()) return known->second;
  const auto found = find_loop(subset);
  loops_.emplace(subset, found);
  return found;
}

std::optional<Subsets::Loop> Subsets::find_loop(SubsetId subset) {
  const std::vector<Position> positions = subsets_.copy(subset);
  if (positions.size() > kPositions) return std::nullopt;
  for (const Position p : positions) {
    const Nfa::Kind kind = nfa_.states[state_of(p)].kind;
    if (is_unentered(p)) return std::nullopt;
    if (kind == Nfa::Kind::kBoolean) return loop_of_combination(subset, p);
    if (kind == Nfa::Kind::kChars && machine_state_of(p) != ByteMachine::kStart) return std::nullopt;
  }
  std::vector<std::uint32_t> tried;
  for (const Position p : positions) {
    const Nfa::State& state = nfa_.states[state_of(p)];
    if (state.kind != Nfa::Kind::kChars || std::find(tried.begin(), tried.end(), state.a) != tried.end()) continue;
    tried.push_back(state.a);
    if (const auto found = loop_of_characters(subset, state.a)) return found;
  }
  return std::nullopt;
}

// Whether no position of the subset but those that `own` holds reads a byte that may begin a character of the machine.
bool Subsets::leaves_alone(SubsetId subset, const std::vector<Position>& own, std::uint32_t machine) const {
  return (first_bytes(subset, own) & nfa_.machines[machine]->first_bytes()).none();
}

// A loop that all positions reading the machine's characters make together: each goes round once with every character.
std::optional<Subsets::Loop> Subsets::loop_of_characters(SubsetId subset, std::uint32_t machine) {
  std::vector<Position> own;
  std::optional<Loop> common;
  for (const Position p : subsets_.copy(subset)) {
    const Nfa::State state = nfa_.states[state_of(p)];
    if (state.kind != Nfa::Kind::kChars || state.a != machine) continue;
    own.push_back(p);
    Loop loop{machine, kEndless, true, true};
    const Nfa::State after = nfa_.states[state.b];
    if (after.kind == Nfa::Kind::kNext && nfa_.counters[after.a].body == state_of(p)) {
      const Nfa::Counter& counter = nfa_.counters[after.a];
      const std::uint32_t count = frames_.begin(frame_of(p))[1];
      if (counter.max >= 0) loop.most = static_cast<std::uint32_t>(counter.max) - count;
      loop.steady = count >= static_cast<std::uint32_t>(counter.min);
    } else if (nfa_.machines[machine]->first_bytes().count() < kBytes) {
      return std::nullopt;
    }
    if (common && (common->most != loop.most || common->steady != loop.steady)) return std::nullopt;
    common = loop;
  }
  if (!leaves_alone(subset, own, machine)) return std::nullopt;
  SubsetId heads = kEmpty;
  for (const Position p : own) {
    const Nfa::StateId next = nfa_.states[state_of(p)].b;
    const Nfa::State after = nfa_.states[next];
    if (after.kind == Nfa::Kind::kNext && nfa_.counters[after.a].body == state_of(p)) {
      const Nfa::Counter& counter = nfa_.counters[after.a];
      heads = unite(heads, closure(position(counter.head, 0, frame_of(p))));
      // What follows the repetition joins in once the minimum is reached.
      const FrameId parent = frames_.begin(frame_of(p))[0];
      if (!leaves_alone(closure(position(counter.exit, 0, parent)), {}, machine)) return std::nullopt;
    } else {
      heads = unite(heads, closure(position(next, 0, frame_of(p))));
    }
  }
  return heads == subset ? common : std::nullopt;
}

std::optional<Subsets::Loop> Subsets::loop_of_combination(SubsetId subset, Position p) {
  const FrameId parent = frames_.begin(frame_of(p))[0];
  const TupleId tuple = frames_.begin(frame_of(p))[1];
  auto found = loop_of_tuple(tuple);
  if (!found || !leaves_alone(subset, {p}, found->machine)) return std::nullopt;
  // What follows the combination joins in whenever its operands accept.
  const SubsetId exit = closure(position(nfa_.states[state_of(p)].b, 0, parent));
  if (!leaves_alone(exit, {}, found->machine)) return std::nullopt;
  found->alone = subset == (accepts(tuple) ? unite(interned({p}), exit) : interned({p}));
  return found;
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
    common = Loop{found->machine, common ? std::min(common->most, found->most) : found->most,
                  found->steady && (!common || common->steady), false};
  }
  return common;
}

std::optional<std::uint32_t> Subsets::wide(SubsetId subset) {
  if (const auto known = wide_.find(subset); known != wide_.end()) return known->second;
  const auto found = find_wide(subset);
  wide_.emplace(subset, found);
  return found;
}

std::optional<std::uint32_t> Subsets::find_wide(SubsetId subset) {
  const std::vector<Position> positions = subsets_.copy(subset);
  if (positions.size() > kPositions) return std::nullopt;
  for (const Position p : positions) {
    const Nfa::State state = nfa_.states[state_of(p)];
    if (state.kind == Nfa::Kind::kBoolean && !is_unentered(p)) {
      if (const auto found = wide_tuple(frames_.begin(frame_of(p))[1])) return found;
    } else if (state.kind == Nfa::Kind::kChars && machine_state_of(p) == ByteMachine::kStart &&
               nfa_.machines[state.a]->first_bytes().count() >= kBytes) {
      const SubsetId after = closure(position(state.b, 0, frame_of(p)));
      if (std::binary_search(subsets_.begin(after), subsets_.end(after), p)) return state.a;
    }
  }
  return std::nullopt;
}

// What finite languages exclude, they exclude up to their longest member only.  Operands that are decided on together
// may refuse together what each of them would let in, unless there is one alone or none changes with a character.
std::optional<std::uint32_t> Subsets::wide_tuple(TupleId tuple) {
  const std::vector<std::uint32_t> words = tuples_.copy(tuple);
  const Nfa::Boolean& operands = nfa_.booleans[words[0]];
  std::optional<std::uint32_t> machine;
  bool json = false;
  const auto decided = std::count_if(operands.begin(), operands.end(), [](const Nfa::Operand& operand) {
    return operand.kind == Nfa::OperandKind::kRegular && !operand.negated;
  });
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const std::uint32_t component = words[i + 1];
    const bool regular = operands[i].kind == Nfa::OperandKind::kRegular;
    if (operands[i].negated) {
      if (operands[i].finite || component == (regular ? kEmpty : NestedStates::kGone)) continue;
      return std::nullopt;
    }
    if (operands[i].kind == Nfa::OperandKind::kMachine) {
      if (!machines_[operands[i].start]->reads_json_characters(static_cast<Machine::State>(component))) {
        return std::nullopt;
      }
      json = true;
      continue;
    }
    std::optional<std::uint32_t> found;
    if (!regular) {
      found = nested_.nested_wide(component);
    } else if (const auto same = loop(component); same && same->most == kEndless) {
      found = same->machine;
    } else if (decided == 1) {
      found = wide(component);
    }
    if (!found || (machine && nfa_.machines[*machine] != nfa_.machines[*found])) return std::nullopt;
    machine = found;
  }
  if (!machine || (json && !is_json(*nfa_.machines[*machine]))) return std::nullopt;
  return machine;
}

std::bitset<256> Subsets::first_bytes(SubsetId subset, const std::vector<Position>& without) const {
  std::bitset<256> bytes;
  for (const Position* p = subsets_.begin(subset); p != subsets_.end(subset); ++p) {
    const Nfa::State& state = nfa_.states[state_of(*p)];
    if (std::binary_search(without.begin(), without.end(), *p)) continue;
    if (state.kind == Nfa::Kind::kBoolean) return bytes.set();
    if (state.kind == Nfa::Kind::kChars) {
      bytes |= nfa_.machines[state.a]->first_bytes(static_cast<ByteMachine::State>(machine_state_of(*p)));
    }
  }
  return bytes;
}

}  // namespace tamis
