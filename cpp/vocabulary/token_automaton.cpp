#include "token_automaton.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <unordered_map>

#include "runs.hpp"

namespace tamis {

// Characters of one set, read from a state on that goes on reading them: see Automaton::Loop.
class TokenAutomaton::Run {
 public:
  Run(const Automaton& automaton, StateId first, Automaton::Loop loop)
      : automaton_(automaton), loop_(std::move(loop)), states_({first}) {}

  const std::shared_ptr<const ByteMachine>& characters() const { return loop_.characters; }
  std::uint32_t most() const { return loop_.most; }

  // The state after so many characters.
  StateId after(std::uint32_t characters) {
    while (states_.size() <= characters) states_.push_back(after_one(states_.back()));
    return states_[characters];
  }
  // A state that leads, by bytes that leave the run, where `after` leads.
  StateId before_exit(std::uint32_t characters) { return after(loop_.steady ? std::min(characters, 1U) : characters); }

 private:
  StateId after_one(StateId state) const {
    // Any character does; take the shortest way through the machine.
    for (ByteMachine::State at = ByteMachine::kStart; at != ByteMachine::kAccept && state != Automaton::kDead;) {
      const auto edges = loop_.characters->edges(at);
      const auto whole = std::find_if(edges.begin(), edges.end(),
                                      [](const auto& edge) { return edge.target == ByteMachine::kAccept; });
      const auto& edge = whole != edges.end() ? *whole : edges.front();
      state = automaton_.step(state, edge.low);
      at = edge.target;
    }
    return state;
  }

  const Automaton& automaton_;
  Automaton::Loop loop_;
  std::vector<StateId> states_;
};

// The mask of one state, by a walk over the trie.  Where the state, or the one after most first characters, reads any
// characters of a set, the walk begins with all tokens that are runs of them and goes only where the automaton does
// otherwise; and runs met on the way are followed without a state for each of their characters.
class TokenAutomaton::MaskWalk {
 public:
  explicit MaskWalk(const TokenAutomaton& owner)
      : automaton_(*owner.automaton_), vocabulary_(*owner.vocabulary_), trie_(owner.vocabulary_->trie()) {}

  Mask mask(std::int64_t state) {
    mask_.assign((vocabulary_.size() + 31) / 32, 0);
    if (state == kEnd) return std::move(mask_);
    const auto start = static_cast<StateId>(state);
    if (Run* run = run_at(start); run != nullptr) {
      const auto runs = vocabulary_.runs(run->characters());
      mask_ = runs->mask(run->most());
      leave_run(*run, 0, *runs, 0, static_cast<std::uint32_t>(trie_.size() - 1));
    } else if (Run* later = run_after_first(start); later != nullptr) {
      const auto runs = vocabulary_.runs(later->characters());
      mask_ = runs->mask(later->most() == Subsets::kEndless ? later->most() : later->most() + 1U);
      for (const std::uint32_t root : vocabulary_.roots()) compare(*later, *runs, root, start, ByteMachine::kStart, 0);
    } else {
      for (const std::uint32_t root : vocabulary_.roots()) walk(root, start);
    }
    if (automaton_.is_complete(start)) {
      for (const TokenId stop : vocabulary_.stop_ids()) set(stop, true);
    }
    return std::move(mask_);
  }

 private:
  static constexpr std::uint32_t kWorthwhile = 256;  // tokens that a run should spare us
  static constexpr std::uint32_t kSmall = 3;         // nodes of a subtree not worth looking for runs in

  // Where a walk has come: in a state, or so many characters into a run from it, the last one perhaps half read.
  struct Place {
    StateId state;
    Run* run;
    std::uint32_t characters;
    ByteMachine::State machine_state;
  };

  void set(TokenId token, bool value) {
    const std::uint32_t bit = 1U << (static_cast<std::uint32_t>(token) % 32);
    auto& word = mask_[static_cast<std::size_t>(token) / 32];
    word = value ? word | bit : word & ~bit;
  }
  void set_tokens(std::uint32_t first_node, std::uint32_t last_node, bool value) {
    const auto& tokens = vocabulary_.token_list();
    for (std::uint32_t t = trie_[first_node].first_token; t < trie_[last_node].first_token; ++t) set(tokens[t], value);
  }
  std::uint32_t tokens_below(std::uint32_t node) const {
    return trie_[trie_[node].skip].first_token - trie_[node].first_token;
  }

  // Whether a token of the node, if there is one, may end in a state.
  bool may_end_token(std::uint32_t node, StateId state) const {
    return !automaton_.counts_tokens() || trie_[node].first_token == trie_[node + 1].first_token ||
           automaton_.end_token(state) != Automaton::kDead;
  }

  Run* run_at(StateId state) {
    const auto [found, inserted] = runs_.try_emplace(state);
    if (inserted) {
      if (auto loop = automaton_.loop(state)) found->second.emplace(automaton_, state, std::move(*loop));
    }
    return found->second ? &*found->second : nullptr;
  }

  // Adds the tokens below `node`, its own byte still to be read.
  void walk(std::uint32_t node, StateId state) {
    const std::uint32_t end = trie_[node].skip;
    const std::uint32_t base = trie_[node].depth;
    std::vector<Place> path = {{state, nullptr, 0, ByteMachine::kStart}};
    for (std::uint32_t i = node; i < end;) {
      const auto& here = trie_[i];
      path.resize(here.depth - base + 1);
      Place next = after_byte(path.back(), here.byte);
      if (next.state == Automaton::kDead) {
        i = here.skip;
        continue;
      }
      if (next.run == nullptr && here.skip - i > kSmall) next.run = run_at(next.state);
      path.push_back(next);
      set_tokens(i, i + 1, next.run != nullptr || may_end_token(i, next.state));
      ++i;
    }
  }

  Place after_byte(const Place& place, std::uint8_t byte) {
    if (place.run == nullptr) return {automaton_.step(place.state, byte), nullptr, 0, ByteMachine::kStart};
    const ByteMachine::State next = place.run->characters()->step(place.machine_state, byte);
    if (next == ByteMachine::kDead) {
      const bool inside = place.machine_state != ByteMachine::kStart;
      const StateId from = inside ? Automaton::kDead : place.run->before_exit(place.characters);
      return {from == Automaton::kDead ? from : automaton_.step(from, byte), nullptr, 0, ByteMachine::kStart};
    }
    if (place.characters >= place.run->most()) return {Automaton::kDead, nullptr, 0, ByteMachine::kStart};
    const bool whole = next == ByteMachine::kAccept;
    return {place.state, place.run, place.characters + (whole ? 1U : 0U), whole ? ByteMachine::kStart : next};
  }

  // The run that most tokens belong to from their second character on.
  Run* run_after_first(StateId start) {
    std::vector<std::pair<StateId, std::uint32_t>> weights;
    for (const std::uint32_t root : vocabulary_.roots()) {
      const StateId next = automaton_.step(start, trie_[root].byte);
      if (next == Automaton::kDead) continue;
      auto found = std::find_if(weights.begin(), weights.end(), [&](const auto& w) { return w.first == next; });
      if (found == weights.end()) found = weights.insert(found, {next, 0});
      found->second += tokens_below(root);
    }
    const auto heaviest = std::max_element(weights.begin(), weights.end(),
                                           [](const auto& a, const auto& b) { return a.second < b.second; });
    return heaviest == weights.end() || heaviest->second < kWorthwhile ? nullptr : run_at(heaviest->first);
  }

  // The tokens below `node`, which are in the mask as far as they are runs: its byte is still to be read in `state`, at
  // `machine_state` of a character after so many whole ones.  `run` begins after the first character.
  void compare(Run& run, const TokenRuns& runs, std::uint32_t node, StateId state, ByteMachine::State machine_state,
               std::uint32_t characters) {
    const auto& here = trie_[node];
    const ByteMachine::State in_run = run.characters()->step(machine_state, here.byte);
    if (in_run == ByteMachine::kDead) return walk(node, state);  // no runs below
    const StateId next = automaton_.step(state, here.byte);
    if (next == Automaton::kDead) return set_tokens(node, here.skip, false);
    const bool whole = in_run == ByteMachine::kAccept;
    if (whole && characters <= run.most() && next == run.after(characters)) {
      return leave_run(run, 1, runs, node + 1, here.skip);
    }
    set_tokens(node, node + 1, may_end_token(node, next));
    for (std::uint32_t child = node + 1; child < here.skip; child = trie_[child].skip) {
      compare(run, runs, child, next, whole ? ByteMachine::kStart : in_run, characters + (whole ? 1U : 0U));
    }
  }

  // The tokens of the nodes first .. last - 1 that leave the run, which begins after `skipped` characters.
  void leave_run(Run& run, std::uint32_t skipped, const TokenRuns& runs, std::uint32_t first, std::uint32_t last) {
    auto exit = std::lower_bound(runs.exits.begin(), runs.exits.end(), first,
                                 [](const TokenRuns::Exit& e, std::uint32_t node) { return e.node < node; });
    for (; exit != runs.exits.end() && exit->node < last; ++exit) {
      const std::uint32_t characters = exit->characters - skipped;
      if (characters > run.most()) continue;
      const StateId state = run.before_exit(characters);
      if (state == Automaton::kDead) continue;
      if (automaton_.step(state, trie_[exit->node].byte) != Automaton::kDead) walk(exit->node, state);
    }
  }

  const Automaton& automaton_;
  const Vocabulary& vocabulary_;
  const std::vector<Vocabulary::TrieNode>& trie_;
  Mask mask_;
  std::unordered_map<StateId, std::optional<Run>> runs_;  // by the state that they begin in
};

TokenAutomaton::TokenAutomaton(std::shared_ptr<const Automaton> automaton, std::shared_ptr<const Vocabulary> vocabulary)
    : automaton_(std::move(automaton)), vocabulary_(std::move(vocabulary)) {
  const auto& known = vocabulary_->specials();
  for (const std::string& name : automaton_->specials()) {
    bool found = false;
    bool allowed = false;
    for (const auto& [token, other] : known) {
      if (other != name) continue;
      found = true;
      allowed = allowed || !vocabulary_->is_stop(token);
    }
    if (!allowed) throw SpecialTokenError(name, found);
  }
}

void TokenAutomaton::require_state(std::int64_t state) const {
  if (state != kEnd && !automaton_->has(state)) {
    throw std::out_of_range("state " + std::to_string(state) + " does not belong to this automaton");
  }
}

std::int64_t TokenAutomaton::advance(std::int64_t state, TokenId token) const {
  if (state == kRejected || token < 0) return kRejected;
  require_state(state);
  if (static_cast<std::size_t>(token) >= vocabulary_->size()) {
    throw std::out_of_range("token " + std::to_string(token) + " is not in a vocabulary of " +
                            std::to_string(vocabulary_->size()) + " tokens");
  }
  if (state == kEnd) return kRejected;
  const auto inner = static_cast<StateId>(state);
  if (vocabulary_->is_stop(token)) return automaton_->is_complete(inner) ? kEnd : kRejected;
  const auto& text = vocabulary_->text(token);
  return text ? automaton_->end_token(automaton_->advance(inner, *text)) : kRejected;
}

bool TokenAutomaton::is_complete(std::int64_t state) const {
  require_state(state);
  return state != kEnd && automaton_->is_complete(static_cast<StateId>(state));
}

std::shared_ptr<const TokenAutomaton::Mask> TokenAutomaton::mask(std::int64_t state) const {
  require_state(state);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = masks_.find(state); found != masks_.end()) return found->second;
  }
  const auto made = std::make_shared<const Mask>(MaskWalk(*this).mask(state));
  const std::lock_guard lock(mutex_);
  if ((masks_.size() + 1) * made->size() * sizeof(std::uint32_t) > kCachedMaskBytes) masks_.clear();
  masks_.emplace(state, made);
  return made;
}

}  // namespace tamis
