#include "token_automaton.hpp"

#include <algorithm>
#include <stdexcept>

#include "runs.hpp"

namespace tamis {

// The mask of one state, by a walk over the trie.  Where the state, or the one after most first characters, reads any
// characters of a set, the walk begins with all tokens that are runs of them and goes only where the automaton does
// otherwise.
class TokenAutomaton::MaskWalk {
 public:
  explicit MaskWalk(const TokenAutomaton& owner)
      : automaton_(*owner.automaton_), vocabulary_(*owner.vocabulary_), trie_(owner.vocabulary_->trie()) {}

  Mask mask(std::int64_t state) {
    mask_.assign((vocabulary_.size() + 31) / 32, 0);
    if (state == kEnd) return std::move(mask_);
    const auto start = static_cast<StateId>(state);
    if (find_run(start)) {
      mask_ = runs_->mask(most_);
      follow_run(start);
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

  // Adds the tokens below `node`, its own byte still to be read.
  void walk(std::uint32_t node, StateId state) {
    const std::uint32_t end = trie_[node].skip;
    const std::uint32_t base = trie_[node].depth;
    path_.assign(1, state);
    for (std::uint32_t i = node; i < end;) {
      const auto& here = trie_[i];
      const StateId next = automaton_.step(path_[here.depth - base], here.byte);
      if (next == Automaton::kDead) {
        i = here.skip;
        continue;
      }
      path_.resize(here.depth - base + 1);
      path_.push_back(next);
      set_tokens(i, i + 1, true);
      ++i;
    }
  }

  // The run that most tokens belong to, if there is one: states_[n] is the state after n of its characters, kDead for
  // n = 0 where the run begins behind the first character.
  bool find_run(StateId start) {
    auto loop = automaton_.loop(start);
    if (loop) {
      states_ = {start};
      most_ = loop->most;
    } else {
      const StateId next = heaviest_successor(start);
      if (next != Automaton::kDead) loop = automaton_.loop(next);
      if (!loop) return false;
      states_ = {Automaton::kDead, next};
      most_ = loop->most == Subsets::kEndless ? loop->most : loop->most + 1;
    }
    machine_ = loop->characters;
    runs_ = vocabulary_.runs(machine_);
    return true;
  }

  StateId heaviest_successor(StateId start) {
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
    return heaviest == weights.end() || heaviest->second < kWorthwhile ? Automaton::kDead : heaviest->first;
  }

  StateId after(std::uint32_t characters) {
    while (states_.size() <= characters) {
      StateId state = states_.back();
      // Any character does; take the shortest way through the machine.
      for (ByteMachine::State at = ByteMachine::kStart; at != ByteMachine::kAccept && state != Automaton::kDead;) {
        const auto edges = machine_->edges(at);
        const auto whole = std::find_if(edges.begin(), edges.end(),
                                        [](const auto& edge) { return edge.target == ByteMachine::kAccept; });
        const auto& edge = whole != edges.end() ? *whole : edges.front();
        state = automaton_.step(state, edge.low);
        at = edge.target;
      }
      states_.push_back(state);
    }
    return states_[characters];
  }

  void follow_run(StateId start) {
    if (states_[0] == start) return leave_run(0, static_cast<std::uint32_t>(trie_.size() - 1));
    for (const std::uint32_t root : vocabulary_.roots()) compare(root, start, ByteMachine::kStart, 0);
  }

  // The tokens below `node`, which are in the mask as far as they are runs: its byte is still to be read in `state`, at
  // `machine_state` of a character after so many whole ones.
  void compare(std::uint32_t node, StateId state, ByteMachine::State machine_state, std::uint32_t characters) {
    const auto& here = trie_[node];
    const ByteMachine::State in_run = machine_->step(machine_state, here.byte);
    if (in_run == ByteMachine::kDead) return walk(node, state);  // no runs below
    const StateId next = automaton_.step(state, here.byte);
    if (next == Automaton::kDead) return set_tokens(node, here.skip, false);
    const bool whole = in_run == ByteMachine::kAccept;
    if (whole && characters < most_ && next == after(characters + 1)) return leave_run(node + 1, here.skip);
    set_tokens(node, node + 1, true);
    for (std::uint32_t child = node + 1; child < here.skip; child = trie_[child].skip) {
      compare(child, next, whole ? ByteMachine::kStart : in_run, characters + (whole ? 1 : 0));
    }
  }

  // The tokens of the nodes first .. last - 1 that leave the run.
  void leave_run(std::uint32_t first, std::uint32_t last) {
    const auto& exits = runs_->exits;
    auto exit = std::lower_bound(exits.begin(), exits.end(), first,
                                 [](const TokenRuns::Exit& e, std::uint32_t node) { return e.node < node; });
    for (; exit != exits.end() && exit->node < last; ++exit) {
      if (exit->characters > most_) continue;
      const StateId state = after(exit->characters);
      if (state == Automaton::kDead) continue;
      if (automaton_.step(state, trie_[exit->node].byte) != Automaton::kDead) walk(exit->node, state);
    }
  }

  const Automaton& automaton_;
  const Vocabulary& vocabulary_;
  const std::vector<Vocabulary::TrieNode>& trie_;
  Mask mask_;
  std::vector<StateId> path_;
  std::vector<StateId> states_;
  std::uint32_t most_ = 0;
  std::shared_ptr<const ByteMachine> machine_;
  std::shared_ptr<const TokenRuns> runs_;
};

TokenAutomaton::TokenAutomaton(std::shared_ptr<const Automaton> automaton, std::shared_ptr<const Vocabulary> vocabulary)
    : automaton_(std::move(automaton)), vocabulary_(std::move(vocabulary)) {}

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
  return text ? automaton_->advance(inner, *text) : kRejected;
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
