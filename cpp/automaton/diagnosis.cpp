#include "diagnosis.hpp"

#include <algorithm>
#include <unordered_set>

#include "../grammar/analysis.hpp"

namespace tamis {
namespace {

constexpr std::size_t kPlaces = 32;      // told apart
constexpr std::size_t kWays = 4;         // to come to one position, of callers of callers
constexpr std::size_t kChain = 64;       // rules under way, counted from the inside
constexpr std::size_t kNames = 64;       // what may come, by name
constexpr std::size_t kShown = 80;       // characters of an expression
constexpr std::size_t kShownNodes = 40;  // larger expressions are not written out
constexpr int kNesting = 8;              // combinations in combinations that are looked into

template <typename T>
void add_new(std::vector<T>& to, const std::vector<T>& from, std::size_t most) {
  for (const T& item : from) {
    if (to.size() < most && std::find(to.begin(), to.end(), item) == to.end()) to.push_back(item);
  }
}

}  // namespace

std::vector<RuleId> Subsets::owners(SubsetId subset) const {
  std::vector<RuleId> found;
  for (const Position* p = subsets_.begin(subset); p != subsets_.end(subset); ++p) {
    if (state_of(*p) != Nfa::kFinal) add_new(found, {owner_of(*p)}, kWays);
  }
  return found;
}

std::vector<Subsets::Live> Subsets::live(SubsetId subset) {
  std::vector<Live> found;
  for (const Position p : subsets_.copy(subset)) {
    const Nfa::State state = nfa_.states[state_of(p)];
    Live here{owner_of(p), {}, true, {}, {}};
    if (state.kind == Nfa::Kind::kChars) {
      here.bytes = nfa_.machines[state.a]->first_bytes(static_cast<ByteMachine::State>(machine_state_of(p)));
    } else if (state.kind == Nfa::Kind::kBoolean && !is_unentered(p)) {
      const TupleId tuple = frames_.begin(frame_of(p))[1];
      here.components = tuples_.copy(tuple);
      here.combination = here.components[0];
      here.components.erase(here.components.begin());
      try {
        std::vector<bool> goes_on(classes_.count());
        for (std::size_t c = 0; c < goes_on.size(); ++c) {
          const TupleId next = tuple_step(tuple, c);
          goes_on[c] = next != kNoTuple && (accepts(next) || can_continue(next));
        }
        for (std::size_t byte = 0; byte < 256; ++byte) here.bytes[byte] = goes_on[classes_.of[byte]];
      } catch (const LimitError&) {
        here.bounded = false;
      }
    } else {
      continue;
    }
    found.push_back(std::move(here));
  }
  return found;
}

class Automaton::Diagnosis {
 public:
  Diagnosis(const Automaton& automaton, int refused)
      : a_(automaton), grammar_(automaton.nfa_->grammar()), refused_(refused) {}

  std::vector<Place> of_state(StateId state, int depth) {
    std::vector<Place> places;
    const std::vector<std::uint32_t> words = a_.states_.copy(static_cast<std::uint32_t>(state));
    for (std::size_t i = 1; i < words.size() && places.size() < kPlaces; i += 2) {
      add(places, of_subset(words[i], depth), words[i + 1]);
    }
    return places;
  }

 private:
  // Innermost rules alone.
  std::vector<Place> of_subset(SubsetId subset, int depth) {
    std::vector<Place> places;
    for (const Subsets::Live& live : a_.subsets_->live(subset)) {
      Place place;
      if (live.owner != Nfa::kNoRule) place.rules.push_back(grammar_.rules[live.owner].name);
      place.next = live.bytes;
      if (live.combination) {
        combine(place, live, depth);
      } else if (places.size() == kPlaces) {
        break;
      }
      put(places, std::move(place));
    }
    return places;
  }

  void combine(Place& place, const Subsets::Live& live, int depth) {
    const Nfa::Boolean operands = a_.nfa_->booleans[*live.combination];
    if (!live.bounded) place.expected.push_back("what would take too long to find out");
    std::vector<bool> refuses(operands.size());
    bool all_agree = true;
    bool some_agrees = false;  // of those that are no exclusions
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (live.components[i] == Subsets::kFreeComponent) continue;
      refuses[i] = refuses_alone(operands[i], live.components[i]);
      all_agree = all_agree && !refuses[i];
      some_agrees = some_agrees || (!refuses[i] && !operands[i].negated);
    }
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (live.components[i] == Subsets::kFreeComponent) continue;
      // Where all parts agree that something is wrong, that they are parts says nothing.
      if (refuses[i] && (some_agrees || operands[i].negated)) place.refusals.push_back(shown(operands[i]));
      describe(place, operands[i], live.components[i], refuses[i] || operands.size() == 1, depth);
    }
    const bool goes_on = refused_ >= 0 && live.bytes[static_cast<std::size_t>(refused_)];
    if (all_agree && operands.size() > 1 && refused_ >= 0 && !goes_on && live.bounded) {
      place.refusals.push_back(
          "the parts of an intersection together: each allows it, but no text that goes on so is in all of them");
    }
  }

  bool refuses_alone(const Nfa::Operand& operand, std::uint32_t component) {
    const bool gone = operand.kind != Nfa::OperandKind::kRegular && component == NestedStates::kGone;
    // An exclusion refuses an end: that of the text, or of the part that it is about.
    if (refused_ < 0 || operand.negated) return (!gone && is_complete(operand, component)) == operand.negated;
    if (gone) return true;
    const std::size_t byte_class = a_.classes_.of[static_cast<std::size_t>(refused_)];
    NestedStates& self = const_cast<Automaton&>(a_);
    switch (operand.kind) {
      case Nfa::OperandKind::kRegular:
        return a_.subsets_->step(component, byte_class) == Subsets::kEmpty;
      case Nfa::OperandKind::kGrammar:
        return self.nested_step(component, byte_class) == NestedStates::kGone;
      case Nfa::OperandKind::kMachine:
        return machine(operand).step(static_cast<Machine::State>(component), static_cast<std::uint8_t>(refused_)) ==
               Machine::kDead;
    }
    return false;
  }

  bool is_complete(const Nfa::Operand& operand, std::uint32_t component) {
    switch (operand.kind) {
      case Nfa::OperandKind::kRegular:
        return a_.subsets_->info(component).final;
      case Nfa::OperandKind::kGrammar:
        return a_.is_complete(static_cast<StateId>(component));
      case Nfa::OperandKind::kMachine:
        return machine(operand).is_complete(static_cast<Machine::State>(component));
    }
    return false;
  }

  Machine& machine(const Nfa::Operand& operand) { return a_.subsets_->machine(operand.start); }

  // What an operand itself can tell, of those that refuse.
  void describe(Place& place, const Nfa::Operand& operand, std::uint32_t component, bool relevant, int depth) {
    if (operand.negated || !relevant) return;
    if (operand.kind == Nfa::OperandKind::kMachine) {
      const Circumstances there = machine(operand).describe(static_cast<Machine::State>(component));
      place.rules.insert(place.rules.end(), there.rules.begin(), there.rules.end());
      add_new(place.expected, there.expected, kNames);
    } else if (depth < kNesting) {
      const auto inner = operand.kind == Nfa::OperandKind::kGrammar
                             ? of_state(static_cast<StateId>(component), depth + 1)
                             : of_subset(component, depth + 1);
      for (const Place& nested : inner) {
        add_new(place.refusals, nested.refusals, kNames);
        add_new(place.expected, nested.expected, kNames);
      }
    }
  }

  std::string shown(const Nfa::Operand& operand) const {
    if (operand.kind == Nfa::OperandKind::kMachine) return grammar_.machines[operand.start]->name();
    const char* what = operand.negated ? "an exclusion of what stands here" : "a part of an intersection";
    if (reachable_nodes(grammar_, operand.node).size() > kShownNodes) return what;
    std::string text = to_text(grammar_, operand.node);
    if (text.size() > kShown) text = text.substr(0, kShown) + "...";
    return std::string(what) + ", " + text;
  }

  // Places that agree in their rules are one.
  static void put(std::vector<Place>& places, Place place) {
    const auto same =
        std::find_if(places.begin(), places.end(), [&](const Place& p) { return p.rules == place.rules; });
    if (same == places.end()) {
      places.push_back(std::move(place));
      return;
    }
    same->next |= place.next;
    add_new(same->expected, place.expected, kNames);
    add_new(same->refusals, place.refusals, kNames);
  }

  void add(std::vector<Place>& places, const std::vector<Place>& inner, ContextId context) {
    std::vector<std::vector<RuleId>> chains;  // the innermost first
    std::vector<RuleId> chain;
    std::size_t looked_at = 0;
    callers(context, chain, chains, looked_at);
    if (chains.empty()) chains.push_back(chain);
    for (const std::vector<RuleId>& around : chains) {
      for (const Place& place : inner) {
        Place made = place;
        made.rules.clear();
        for (auto rule = around.rbegin(); rule != around.rend(); ++rule) {
          made.rules.push_back(grammar_.rules[*rule].name);
        }
        made.rules.insert(made.rules.end(), place.rules.begin(), place.rules.end());
        // Rules that the passes made of one stand for it.
        made.rules.erase(std::unique(made.rules.begin(), made.rules.end()), made.rules.end());
        if (places.size() < kPlaces) put(places, std::move(made));
      }
    }
  }

  void callers(ContextId context, std::vector<RuleId>& chain, std::vector<std::vector<RuleId>>& chains,
               std::size_t& looked_at) {
    if (chains.size() >= kWays || ++looked_at > kChain * kWays) return;
    const std::vector<std::uint32_t> words = a_.contexts_.copy(context);
    if (words.size() == 1 || words[0] != 0 || chain.size() >= kChain) chains.push_back(chain);
    if (chain.size() >= kChain) return;
    for (std::size_t i = 1; i < words.size(); i += 2) {
      for (const RuleId owner : a_.subsets_->owners(words[i])) {
        const bool named = owner != Nfa::kNoRule;
        if (named) chain.push_back(owner);
        callers(words[i + 1], chain, chains, looked_at);
        if (named) chain.pop_back();
        if (chains.size() >= kWays) return;
      }
    }
  }

  const Automaton& a_;
  const Grammar& grammar_;
  int refused_;
};

std::vector<Place> Automaton::diagnose(StateId state, int refused) const {
  const std::lock_guard lock(mutex_);
  return Diagnosis(*this, refused).of_state(state, 0);
}

std::bitset<256> Automaton::next_bytes(StateId state) const {
  std::bitset<256> found;
  for (std::size_t byte = 0; byte < 256; ++byte) found[byte] = step(state, static_cast<std::uint8_t>(byte)) != kDead;
  return found;
}

std::optional<std::string> Automaton::completion(StateId state, std::size_t most) const {
  struct Node {
    StateId state;
    std::size_t parent;
    char byte;
  };
  std::vector<Node> nodes{{state, 0, 0}};
  std::unordered_set<StateId> seen{state};
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const StateId here = nodes[i].state;
    if (is_complete(here)) {
      std::string bytes;
      for (std::size_t node = i; node != 0; node = nodes[node].parent) bytes.push_back(nodes[node].byte);
      return std::string(bytes.rbegin(), bytes.rend());
    }
    std::bitset<256> tried;
    for (int byte = 0; byte < 256; ++byte) {
      // Bytes of one class lead to one state.
      if (tried[classes_.of[byte]]) continue;
      tried.set(classes_.of[byte]);
      const StateId after = step(here, static_cast<std::uint8_t>(byte));
      if (after == kDead || !seen.insert(after).second) continue;
      if (nodes.size() >= most) return std::nullopt;
      nodes.push_back({after, i, static_cast<char>(byte)});
    }
  }
  return std::nullopt;
}

std::string Automaton::forced(StateId state, std::size_t most) const {
  std::string bytes;
  while (bytes.size() < most && !is_complete(state)) {
    int only = -1;
    for (int byte = 0; byte < 256; ++byte) {
      if (step(state, static_cast<std::uint8_t>(byte)) == kDead) continue;
      if (only >= 0) return bytes;
      only = byte;
    }
    if (only < 0) return bytes;
    bytes.push_back(static_cast<char>(only));
    state = step(state, static_cast<std::uint8_t>(only));
  }
  return bytes;
}

std::pair<StateId, std::size_t> Automaton::longest(StateId state, std::string_view bytes) const {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const StateId next = step(state, static_cast<std::uint8_t>(bytes[i]));
    if (next == kDead) return {state, i};
    state = next;
  }
  return {state, bytes.size()};
}

}  // namespace tamis
