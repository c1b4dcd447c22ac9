// Subsets that read any number of characters of one set: recognised, so that masks need not try every token on them.
#include <algorithm>

#include "subsets.hpp"

namespace tamis {
namespace {

constexpr std::size_t kPositions = 2000;  // larger subsets are not looked at
constexpr std::size_t kQuick = 16;        // positions of operands that are decided on quickly
constexpr std::size_t kBytes = 8;         // a set that begins with fewer is worth a loop only if it is counted

// Whether all characters are such of JSON strings, as JSON spells them.
bool is_json(const ByteMachine& characters) {
  const std::bitset<256> first = characters.first_bytes();
  for (unsigned byte = 0; byte < 0x20; ++byte) {
    if (first[byte]) return false;
  }
  return !first['"'] && characters.step(ByteMachine::kStart, '\\') != ByteMachine::kAccept;
}

}  // namespace

std::optional<CharacterLoop> Subsets::loop(SubsetId subset) {
  if (const auto known = loops_.find(subset); known != loops_.end()) return known->second;
  const auto found = find_loop(subset);
  loops_.emplace(subset, found);
  return found;
}

std::optional<CharacterLoop> Subsets::find_loop(SubsetId subset) {
  const SmallVector<Position> positions = subsets_.few(subset);
  if (positions.size() > kPositions) return std::nullopt;
  SmallVector<Position> combinations;
  for (const Position p : positions) {
    const Nfa::Kind kind = nfa_.states[state_of(p)].kind;
    if (is_unentered(p)) return std::nullopt;
    if (kind == Nfa::Kind::kBoolean) combinations.push_back(p);
    if (kind == Nfa::Kind::kChars && machine_state_of(p) != ByteMachine::kStart) return std::nullopt;
  }
  if (!combinations.empty()) return loop_of_combinations(subset, combinations);
  SmallVector<std::uint32_t> tried;
  std::optional<CharacterLoop> widest;
  for (const Position p : positions) {
    const Nfa::State& state = nfa_.states[state_of(p)];
    if (state.kind != Nfa::Kind::kChars || !may_return(state.b) ||
        std::find(tried.begin(), tried.end(), state.a) != tried.end()) {
      continue;
    }
    tried.push_back(state.a);
    auto found = loop_of_characters(subset, state.a);
    if (found && (!widest || found->characters->beginnings() > widest->characters->beginnings()))
      widest = std::move(found);
  }
  return widest;
}

bool CharacterLoop::leave_out(const std::bitset<256>& bytes) {
  const auto kept = without_first_bytes(characters, bytes);
  if (kept == characters) return true;
  if (kept == nullptr || kept->beginnings() < kBytes) return false;
  characters = kept;
  // They may leave the loop and go on with its count.
  steady = steady && most == kEndless;
  return true;
}

// A loop that all positions reading the machine's characters make together: each goes round once with every character.
std::optional<CharacterLoop> Subsets::loop_of_characters(SubsetId subset, std::uint32_t machine) {
  SmallVector<Position> own;
  std::optional<CharacterLoop> common;
  for (const Position p : subsets_.few(subset)) {
    const Nfa::State state = nfa_.states[state_of(p)];
    if (state.kind != Nfa::Kind::kChars || state.a != machine) continue;
    own.push_back(p);
    CharacterLoop loop{nfa_.machines[machine], CharacterLoop::kEndless, true, true};
    const Nfa::State after = nfa_.states[state.b];
    if (after.kind == Nfa::Kind::kNext && nfa_.counters[after.a].body == state_of(p)) {
      const Nfa::Counter& counter = nfa_.counters[after.a];
      const std::uint32_t count = frames_.begin(frame_of(p))[1];
      if (counter.max >= 0) loop.most = static_cast<std::uint32_t>(counter.max) - count;
      loop.steady = count >= static_cast<std::uint32_t>(counter.min);
    } else if (nfa_.machines[machine]->beginnings() < kBytes) {
      return std::nullopt;
    }
    if (common && (common->most != loop.most || common->steady != loop.steady)) return std::nullopt;
    common = loop;
  }
  const bool joined = common->steady;  // by what follows
  if (!leave_to(subset, own, *common)) return std::nullopt;
  SubsetId heads = kEmpty;
  for (const Position p : own) {
    const Nfa::StateId next = nfa_.states[state_of(p)].b;
    const Nfa::State after = nfa_.states[next];
    if (after.kind == Nfa::Kind::kNext && nfa_.counters[after.a].body == state_of(p)) {
      const Nfa::Counter& counter = nfa_.counters[after.a];
      heads = unite(heads, closure(position(counter.head, 0, frame_of(p))));
      // What follows the repetition joins in once the minimum is reached.
      const FrameId parent = frames_.begin(frame_of(p))[0];
      const SubsetId exit = closure(position(counter.exit, 0, parent));
      if (!leave_to(exit, *common)) return std::nullopt;
      common->ends_later = common->ends_later || (!joined && leads_on(exit));
    } else {
      heads = unite(heads, closure(position(next, 0, frame_of(p))));
    }
  }
  return heads == subset ? common : std::nullopt;
}

// A loop that all combinations of the subset make together; `own`: they, sorted.
std::optional<CharacterLoop> Subsets::loop_of_combinations(SubsetId subset, std::span<const Position> own) {
  std::optional<CharacterLoop> common;
  SubsetId alone = kEmpty;
  SubsetId exits = kEmpty;
  for (const Position p : own) {
    const FrameId parent = frames_.begin(frame_of(p))[0];
    const TupleId tuple = frames_.begin(frame_of(p))[1];
    const auto found = loop_of_tuple(tuple);
    if (!found) return std::nullopt;
    if (!common) common = found;
    if (common->characters != found->characters || common->most != found->most) return std::nullopt;
    common->steady = common->steady && found->steady;
    common->alone = common->alone && found->alone;
    // What follows a combination joins in whenever its operands accept.
    const SubsetId exit = closure(position(nfa_.states[state_of(p)].b, 0, parent));
    exits = unite(exits, exit);
    if (leads_on(exit) && !accepts(tuple)) {
      common->ends_later = common->ends_later || !found->steady || accepts_after(tuple, *found->characters);
    }
    alone = unite(alone, accepts(tuple) ? unite(interned({p}), exit) : interned({p}));
  }
  // So may what stands beside them; else it must be over with the first character.
  std::vector<Position> others;
  std::set_difference(subsets_.begin(subset), subsets_.end(subset), own.begin(), own.end(), std::back_inserter(others));
  const SubsetId rest = interned(others);
  const auto beside = loop(rest);
  if (beside && beside->characters == common->characters && beside->most == common->most) {
    common->steady = common->steady && beside->steady;
    common->alone = common->alone && beside->alone;
    common->ends_later = common->ends_later || beside->ends_later;
    alone = unite(alone, rest);
  } else if (!leave_to(rest, *common)) {
    return std::nullopt;
  }
  if (!leave_to(exits, *common)) return std::nullopt;
  common->alone = common->alone && subset == alone;
  return common;
}

// A loop that all operands make together, of the characters that all of them read.
std::optional<CharacterLoop> Subsets::loop_of_tuple(TupleId tuple) {
  const std::vector<std::uint32_t> words = tuples_.copy(tuple);
  const Nfa::Boolean& operands = nfa_.booleans[words[0]];
  const auto is_machine = [&](std::size_t i) { return operands[i].kind == Nfa::OperandKind::kMachine; };
  const auto is_gone = [&](std::size_t i) {
    return words[i + 1] == (operands[i].kind == Nfa::OperandKind::kRegular ? kEmpty : NestedStates::kGone);
  };
  CharacterLoop common{nullptr, CharacterLoop::kEndless, true, true};
  std::vector<CharacterLoop> loops;
  std::vector<CharacterLoop> excluded;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if ((operands[i].negated && is_gone(i)) || is_machine(i)) continue;
    const bool regular = operands[i].kind == Nfa::OperandKind::kRegular;
    const auto found = regular ? loop(words[i + 1]) : nested_.nested_loop(words[i + 1]);
    if (!found) return std::nullopt;
    common.steady = common.steady && found->steady;
    common.alone = common.alone && found->alone;
    (operands[i].negated ? excluded : loops).push_back(*found);
    if (operands[i].negated) continue;
    common.most = std::min(common.most, found->most);
    common.characters = common.characters ? common_of(common.characters, found->characters) : found->characters;
    if (!common.characters) return std::nullopt;
  }
  if (loops.empty()) return std::nullopt;
  // What may not be completed may be over with the last character, where one operand ends and the others do not.
  const auto undecided = [](const Nfa::Operand& operand) { return !operand.decidable; };
  if (common.most != CharacterLoop::kEndless &&
      (given_up_.contains(words[0]) || std::any_of(operands.begin(), operands.end(), undecided))) {
    common.steady = false;
  }
  // What an excluded operand does when it is over would be something new.
  for (const CharacterLoop& loop : excluded) {
    if (loop.most < common.most || common_of(common.characters, loop.characters) != common.characters) {
      return std::nullopt;
    }
    loops.push_back(loop);
  }
  for (const CharacterLoop& loop : loops) {
    if (loop.characters == common.characters) continue;
    // A character may leave the common loop and go on with this one's count.
    common.steady = common.steady && loop.most == CharacterLoop::kEndless;
    if (common.characters->beginnings() < kBytes) return std::nullopt;
  }
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (is_machine(i) && !is_gone(i) && !ignores(operands[i].start, words[i + 1], *common.characters)) {
      return std::nullopt;
    }
  }
  return common;
}

std::shared_ptr<const ByteMachine> Subsets::common_of(const std::shared_ptr<const ByteMachine>& a,
                                                      const std::shared_ptr<const ByteMachine>& b) {
  const auto [known, inserted] = common_.try_emplace({a, b});
  if (!inserted) return known->second;
  try {
    known->second = common_characters(a, b);
  } catch (const CompileError&) {  // too large to be of use
  }
  return known->second;
}

bool Subsets::leads_on(SubsetId subset) const {
  return std::any_of(subsets_.begin(subset), subsets_.end(subset), [&](Position p) {
    const Nfa::Kind kind = nfa_.states[state_of(p)].kind;
    return kind == Nfa::Kind::kFinal || kind == Nfa::Kind::kCall;
  });
}

// Whether the tuple accepts after one of the characters, whichever it is.
bool Subsets::accepts_after(TupleId tuple, const ByteMachine& characters) {
  for (ByteMachine::State at = ByteMachine::kStart; at != ByteMachine::kAccept;) {
    const ByteMachine::Edge& edge = characters.edges(at).front();
    tuple = tuple_step(tuple, classes_.of[edge.low]);
    if (tuple == kNoTuple) return false;
    at = edge.target;
  }
  return accepts(tuple);
}

// Whether a machine that counts tokens has counted the one under way, and lets it end anywhere.
bool Subsets::ignores_bytes(std::uint32_t machine, std::uint32_t state) {
  const auto here = static_cast<Machine::State>(state);
  return machines_[machine]->step(here, 0) == here && machines_[machine]->end_token(here) != Machine::kDead;
}

// Whether characters, all of one byte, leave a machine in its state.
bool Subsets::ignores(std::uint32_t machine, std::uint32_t state, const ByteMachine& characters) {
  if (nfa_.grammar().machines[machine]->counts_tokens()) return ignores_bytes(machine, state);
  const std::span<const ByteMachine::Edge> edges = characters.edges(ByteMachine::kStart);
  return std::all_of(edges.begin(), edges.end(), [&](const ByteMachine::Edge& edge) {
    if (edge.target != ByteMachine::kAccept) return false;
    for (unsigned byte = edge.low; byte <= edge.high; ++byte) {
      const Machine::State next =
          machines_[machine]->step(static_cast<Machine::State>(state), static_cast<std::uint8_t>(byte));
      if (next != static_cast<Machine::State>(state)) return false;
    }
    return true;
  });
}

bool Subsets::lives_ahead(SubsetId subset, const CharacterLoop& loop, std::uint32_t characters) {
  for (const Position p : subsets_.copy(subset)) {
    if (nfa_.states[state_of(p)].kind != Nfa::Kind::kBoolean || is_unentered(p)) continue;
    std::vector<std::uint32_t> words = tuples_.copy(frames_.begin(frame_of(p))[1]);
    const Nfa::Boolean& operands = nfa_.booleans[words[0]];
    bool known = true;
    std::size_t positions = 0;
    for (std::size_t i = 0; i < operands.size(); ++i) {
      known = known && operands[i].kind != Nfa::OperandKind::kGrammar;  // machines ignore the characters
      if (operands[i].kind != Nfa::OperandKind::kRegular || words[i + 1] == kFree) continue;
      known = known && !has_combinations(words[i + 1]);  // what these come to depends on more than counts
      if (!known) break;
      words[i + 1] = ahead(words[i + 1], loop, characters);
      positions += subsets_.length(words[i + 1]);
    }
    if (!known || positions > kQuick) continue;
    const TupleId tuple = interned_tuple(words);
    if (accepts(tuple) || can_continue(tuple)) return true;
  }
  return false;
}

// A regular subset that makes the loop, after so many characters of it: only counts have changed.
SubsetId Subsets::ahead(SubsetId subset, const CharacterLoop& loop, std::uint32_t characters) {
  SubsetId made = kEmpty;
  for (const Position p : subsets_.copy(subset)) {
    const Nfa::State state = nfa_.states[state_of(p)];
    if (state.kind != Nfa::Kind::kChars || common_of(loop.characters, nfa_.machines[state.a]) != loop.characters) {
      continue;
    }
    const Nfa::State after = nfa_.states[state.b];
    if (after.kind == Nfa::Kind::kNext && nfa_.counters[after.a].body == state_of(p)) {
      const Nfa::Counter& counter = nfa_.counters[after.a];
      std::uint32_t count = frames_.begin(frame_of(p))[1] + characters;
      if (counter.max < 0) count = std::min(count, static_cast<std::uint32_t>(counter.min));
      if (counter.max >= 0 && count > static_cast<std::uint32_t>(counter.max)) continue;
      made = unite(made, closure(position(counter.head, 0, frame(frames_.begin(frame_of(p))[0], count))));
    } else {
      made = unite(made, closure(position(state.b, 0, frame_of(p))));
    }
  }
  return made;
}

std::shared_ptr<const ByteMachine> Subsets::wide(SubsetId subset) {
  if (const auto known = wide_.find(subset); known != wide_.end()) return known->second;
  const auto found = find_wide(subset);
  wide_.emplace(subset, found);
  return found;
}

std::shared_ptr<const ByteMachine> Subsets::find_wide(SubsetId subset) {
  const auto may_be_wide = [&](Position p) {
    const Nfa::State& state = nfa_.states[state_of(p)];
    return state.kind == Nfa::Kind::kBoolean ||
           (state.kind == Nfa::Kind::kChars && nfa_.machines[state.a]->beginnings() >= kBytes);
  };
  if (subsets_.length(subset) > kPositions || std::none_of(subsets_.begin(subset), subsets_.end(subset), may_be_wide)) {
    return nullptr;
  }
  for (const Position p : subsets_.copy(subset)) {
    const Nfa::State state = nfa_.states[state_of(p)];
    if (state.kind == Nfa::Kind::kBoolean && !is_unentered(p)) {
      if (auto found = wide_tuple(frames_.begin(frame_of(p))[1])) return found;
    } else if (state.kind == Nfa::Kind::kChars && machine_state_of(p) == ByteMachine::kStart && may_return(state.b) &&
               nfa_.machines[state.a]->beginnings() >= kBytes) {
      const SubsetId after = closure(position(state.b, 0, frame_of(p)));
      if (std::binary_search(subsets_.begin(after), subsets_.end(after), p)) return nfa_.machines[state.a];
    }
  }
  return nullptr;
}

// What finite languages exclude, they exclude up to their longest member only.  Operands that are decided on together
// may refuse together what each of them would let in, unless there is one alone or none changes with a character.
std::shared_ptr<const ByteMachine> Subsets::wide_tuple(TupleId tuple) {
  const std::vector<std::uint32_t> words = tuples_.copy(tuple);
  const Nfa::Boolean& operands = nfa_.booleans[words[0]];
  std::shared_ptr<const ByteMachine> common;
  bool json = false;
  const auto decided = std::count_if(operands.begin(), operands.end(), [](const Nfa::Operand& operand) {
    return operand.kind == Nfa::OperandKind::kRegular && !operand.negated;
  });
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const std::uint32_t component = words[i + 1];
    const bool regular = operands[i].kind == Nfa::OperandKind::kRegular;
    if (operands[i].negated) {
      if (operands[i].finite || component == (regular ? kEmpty : NestedStates::kGone)) continue;
      return nullptr;
    }
    if (operands[i].kind == Nfa::OperandKind::kMachine) {
      if (nfa_.grammar().machines[operands[i].start]->counts_tokens()) {
        if (!ignores_bytes(operands[i].start, component)) return nullptr;
        continue;
      }
      if (!machines_[operands[i].start]->reads_json_characters(static_cast<Machine::State>(component))) return nullptr;
      json = true;
      continue;
    }
    std::shared_ptr<const ByteMachine> found;
    if (!regular) {
      found = nested_.nested_wide(component);
    } else if (const auto same = loop(component);
               same && same->most == CharacterLoop::kEndless && (same->steady || !has_combinations(component))) {
      found = same->characters;
    } else if (decided == 1) {
      found = wide(component);
    }
    common = found == nullptr || common == nullptr ? found : common_of(common, found);
    if (common == nullptr || common->beginnings() < kBytes) return nullptr;
  }
  if (common == nullptr || (json && !is_json(*common))) return nullptr;
  return common;
}

bool Subsets::has_combinations(SubsetId subset) const {
  return std::any_of(subsets_.begin(subset), subsets_.end(subset),
                     [&](Position p) { return nfa_.states[state_of(p)].kind == Nfa::Kind::kBoolean; });
}

// Characters that only begin like one of the loop are no matter, unless it may be over in front of them.
bool Subsets::leave_to(SubsetId subset, std::span<const Position> own, CharacterLoop& loop) {
  std::bitset<256> bytes;
  for (const Position* p = subsets_.begin(subset); p != subsets_.end(subset); ++p) {
    const Nfa::State& state = nfa_.states[state_of(*p)];
    if (std::binary_search(own.begin(), own.end(), *p)) continue;
    if (state.kind == Nfa::Kind::kBoolean) return false;
    if (state.kind != Nfa::Kind::kChars) continue;
    const auto at = static_cast<ByteMachine::State>(machine_state_of(*p));
    const Characters& others = nfa_.machines[state.a];
    if (at == ByteMachine::kStart && loop.most == CharacterLoop::kEndless) {
      const auto [known, inserted] = clashes_.try_emplace({loop.characters, others});
      if (inserted) known->second = clash(*loop.characters, *others);
      if (!known->second) continue;
    }
    bytes |= others->first_bytes(at);
  }
  return loop.leave_out(bytes);
}

}  // namespace tamis
