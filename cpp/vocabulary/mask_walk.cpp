#include "mask_walk.hpp"

#include <algorithm>
#include <bitset>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "runs.hpp"

namespace tamis {
namespace {

// Characters of one set, read from a state on that goes on reading them.
class Run {
 public:
  // `longest`: as many characters as there are in any token.
  Run(const Automaton& automaton, StateId first, CharacterLoop loop, std::uint32_t longest)
      : automaton_(automaton), loop_(std::move(loop)), states_({first}) {
    if (loop_.steady) return;
    // What must follow may count the characters, too: it ends where nothing could.
    longest = std::min(longest, loop_.most);
    if (automaton.lives_ahead(first, loop_, longest)) return;
    for (std::uint32_t n = 1; n <= longest; ++n) {
      if (after(n) == Automaton::kDead) {
        loop_.most = n - 1;
        // Behind the last one, others may be read that only begin like one of them.
        std::bitset<256> longer;
        for (const auto& edge : loop_.characters->edges(ByteMachine::kStart)) {
          for (unsigned byte = edge.low; edge.target != ByteMachine::kAccept && byte <= edge.high; ++byte) {
            longer.set(byte);
          }
        }
        worthwhile_ = loop_.leave_out(longer);
        break;
      }
    }
  }

  // Whether enough characters are left to make a difference.
  bool is_worthwhile() const { return worthwhile_; }

  const std::shared_ptr<const ByteMachine>& characters() const { return loop_.characters; }
  std::uint32_t most() const { return loop_.most; }
  bool steady() const { return loop_.steady; }

  // The state after so many characters.
  StateId after(std::uint32_t characters) {
    while (states_.size() <= characters) states_.push_back(after_one(states_.back()));
    return states_[characters];
  }
  // A state that leads, by bytes that leave the run, where `after` leads.
  StateId before_exit(std::uint32_t characters) {
    return after(!loop_.steady ? characters : loop_.alone ? 0 : std::min(characters, 1U));
  }

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
  CharacterLoop loop_;
  std::vector<StateId> states_;
  bool worthwhile_ = true;
};

// The mask of one state, by a walk over the trie.  Where the state, or the one after most first characters, reads any
// characters of a set, the walk begins with all tokens that are runs of them and goes only where the automaton does
// otherwise; and runs met on the way are followed without a state for each of their characters.
class MaskWalk {
 public:
  MaskWalk(const Automaton& automaton, const Vocabulary& vocabulary)
      : automaton_(automaton), vocabulary_(vocabulary), trie_(vocabulary.trie()) {}

  std::vector<std::uint32_t> mask(StateId start) {
    read(trie_.size(), start);
    if (automaton_.is_complete(start)) {
      for (const TokenId stop : vocabulary_.stop_ids()) set(stop, true);
    }
    return std::move(mask_);
  }

 private:
  static constexpr std::uint32_t kWorthwhile = 256;  // tokens that a run should spare us
  static constexpr std::uint32_t kSmall = 64;        // nodes of a subtree not worth looking for runs in
  static constexpr std::uint32_t kMany = 2048;       // tokens below a node that has runs of its own

  // Where a walk has come: in a state, or so many characters into a run from it, and some bytes of another one.
  struct Place {
    StateId state;
    Run* run = nullptr;
    std::uint32_t characters = 0;
    std::uint32_t partial = 0;
    ByteMachine::State machine_state = ByteMachine::kStart;
  };
  // A node whose byte has led out of a run.
  struct Exit {
    const Trie* trie;
    std::uint32_t node;
    StateId next;
  };
  // A node with very many tokens below it, and the state that its byte has led to.
  struct Below {
    std::uint32_t node;
    StateId state;
  };
  // A node whose children are being visited.
  struct Step {
    Trie::Children children;
    std::size_t next;
    Place place;
  };
  struct Root {
    std::uint32_t node;
    StateId next;
  };

  // The runs that the mask begins with, and where they lead from the second character on.
  struct Compared {
    Run* run;  // none: to all kinds of states
    const TokenRuns& runs;
    bool settled;  // what leaves the run after a character or more has been dealt with, as if all were in the run
    bool wide;     // tokens are not in doubt as long as they are runs
  };

  void set(TokenId token, bool value) {
    const std::uint32_t bit = 1U << (static_cast<std::uint32_t>(token) % 32);
    auto& word = mask_[static_cast<std::size_t>(token) / 32];
    word = value ? word | bit : word & ~bit;
  }
  void set_tokens(const Trie& trie, std::uint32_t first_node, std::uint32_t last_node, bool value) {
    for (std::uint32_t t = trie[first_node].first_token; t < trie[last_node].first_token; ++t) {
      set(trie.tokens()[t], value);
    }
  }

  // Whether a token of the node, if there is one, may end in a state.
  bool may_end_token(const Trie& trie, std::uint32_t node, StateId state) const {
    return !automaton_.counts_tokens() || trie[node].first_token == trie[node + 1].first_token ||
           automaton_.end_token(state) != Automaton::kDead;
  }

  // The run that a state reads, unless it is wide for more characters.
  Run* run_at(StateId state) {
    const auto [found, inserted] = runs_.try_emplace(state);
    if (inserted) {
      auto loop = automaton_.loop(state);
      const auto wide = loop ? automaton_.wide(state) : nullptr;
      if (loop && (wide == nullptr || wide->beginnings() <= loop->characters->beginnings())) {
        found->second.emplace(automaton_, state, std::move(*loop), trie_.height());
        if (!found->second->is_worthwhile()) found->second.reset();
      }
    }
    return found->second ? &*found->second : nullptr;
  }

  std::vector<Root> children(std::uint32_t node, StateId state) const {
    const Trie::Children all = trie_.children(node);
    std::vector<Root> found;
    for (std::size_t i = 0; i < all.nodes.size(); ++i) {
      const StateId next = automaton_.step(state, all.bytes[i]);
      if (next != Automaton::kDead) found.push_back({all.nodes[i], next});
    }
    return found;
  }

  // The state that most tokens lead to with their first byte.
  std::optional<StateId> heaviest(const std::vector<Root>& roots) const {
    std::vector<std::pair<StateId, std::uint32_t>> weights;
    for (const Root& root : roots) {
      auto found = std::find_if(weights.begin(), weights.end(), [&](const auto& w) { return w.first == root.next; });
      if (found == weights.end()) found = weights.insert(found, {root.next, 0});
      found->second += trie_.tokens_below(root.node);
    }
    const auto most = std::max_element(weights.begin(), weights.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most == weights.end() || most->second < kWorthwhile) return std::nullopt;
    return most->first;
  }

  // Adds the tokens below a node (all of them, where it is trie_.size()), whose byte has led to `state`; none of them
  // is in the mask.
  void read(std::uint32_t node, StateId state) {
    if (Run* run = run_at(state); run != nullptr) {
      read_run(node, *run, state);
    } else if (const auto characters = automaton_.wide(state)) {
      read_wide(node, characters, state);
    } else {
      read_any(node, state);
    }
  }

  std::shared_ptr<const TokenRuns> add_runs(std::uint32_t node, const std::shared_ptr<const ByteMachine>& characters,
                                            std::uint32_t most) {
    auto runs = vocabulary_.runs(characters, node);
    runs->add_to(mask_, most);
    return runs;
  }

  void read_run(std::uint32_t node, Run& run, StateId state) {
    const auto runs = add_runs(node, run.characters(), run.most());
    if (!read_tails(run, 1, *runs)) return leave_run(run, 0, *runs, 0, trie_.size());
    for (const TokenRuns::Exit& exit : runs->exits()) {
      if (exit.characters == 0) leave(exit, state);
    }
  }

  // A state in which no run of the characters is ever refused, whatever else it may lead to.
  void read_wide(std::uint32_t node, const std::shared_ptr<const ByteMachine>& characters, StateId state) {
    const auto runs = add_runs(node, characters, CharacterLoop::kEndless);
    std::vector<Root> live;
    const Trie::Children children = trie_.children(node);
    for (std::size_t i = 0; i < children.nodes.size(); ++i) {
      const std::uint32_t child = children.nodes[i];
      if (!runs->leads_out(child) && trie_.tokens_below(child) < kWorthwhile) continue;
      const StateId next = automaton_.step(state, children.bytes[i]);
      if (next != Automaton::kDead) live.push_back({child, next});
    }
    Compared compared{nullptr, *runs, false, true};
    if (const auto most = heaviest(live)) {
      Run* run = run_at(*most);
      if (run != nullptr && run->characters() == characters && run->most() == CharacterLoop::kEndless) {
        compared.run = run;
        compared.settled = read_tails(*run, 0, *runs);
      }
    }
    for (const Root& root : live) compare(compared, root.node, root.next, ByteMachine::kStart, 0, characters.get());
  }

  void read_any(std::uint32_t node, StateId state) {
    const std::vector<Root> live = children(node, state);
    const auto most = heaviest(live);
    Run* later = most ? run_at(*most) : nullptr;
    if (later != nullptr) {
      const auto runs = vocabulary_.runs(later->characters(), node);
      std::uint32_t alike = 0;
      for (const Root& root : live) {
        if (root.next == *most) alike += runs->beginning_with(trie_[root.node].byte);
      }
      if (3 * alike > 2 * runs->count()) {
        runs->add_to(mask_, later->most() == CharacterLoop::kEndless ? later->most() : later->most() + 1U);
        const Compared compared{later, *runs, read_tails(*later, 0, *runs), false};
        auto next = live.begin();
        for (const std::uint32_t child : trie_.children(node).nodes) {
          const bool lives = next != live.end() && next->node == child;
          if (!lives) {
            set_tokens(trie_, child, trie_[child].skip, false);
          } else {
            compare(compared, child, next->next, ByteMachine::kStart, 0, later->characters().get());
            ++next;
          }
        }
        return;
      }
    }
    mask_.resize((vocabulary_.size() + 31) / 32);
    for (const Root& root : live) walk_below(trie_, root.node, {root.next});
  }

  // The tokens that leave the run after `first` characters or more, where it does not matter after how many.
  bool read_tails(Run& run, std::uint32_t first, const TokenRuns& runs) {
    if (run.most() < first) return false;
    const StateId one = run.before_exit(first);
    if (one == Automaton::kDead) return false;
    if (!run.steady()) {
      if (first == 0) return false;
      const Run* later = run_at(one);
      if (later == nullptr || later->characters() != run.characters() || !later->steady()) return false;
    }
    // Before the first character, something else may stand beside the run.
    const StateId two = first == 0 && run.most() > 0 ? run.before_exit(1) : one;
    if (two == Automaton::kDead) return false;
    const TokenRuns::Tails* known = runs.tails(vocabulary_);
    if (known == nullptr) return false;
    const TokenRuns::Tails& tails = *known;
    std::vector<Root> live;
    for (const std::uint32_t root : tails.trie.roots()) {
      const StateId next = automaton_.step(one, tails.trie[root].byte);
      if (one != two && next != automaton_.step(two, tails.trie[root].byte)) return false;
      if (next != Automaton::kDead) live.push_back({root, next});
    }
    for (const Root& root : live) walk_below(tails.trie, root.node, {root.next});
    for (const auto& [characters, token] : tails.tokens) {
      if (characters - 1 + first <= run.most()) break;
      set(token, false);
    }
    return true;
  }

  // Adds the tokens below `node`, its own byte still to be read.
  void walk(const Trie& trie, std::uint32_t node, StateId state) {
    const StateId next = automaton_.step(state, trie[node].byte);
    if (next != Automaton::kDead) walk_below(trie, node, {next});
  }

  // Adds the tokens of `node` and below, where its byte has led to `place`.
  void walk_below(const Trie& trie, std::uint32_t node, Place place) {
    walk_down(trie, node, place);
    while (!exits_.empty()) {
      const Exit exit = exits_.back();
      exits_.pop_back();
      walk_down(*exit.trie, exit.node, {exit.next});
    }
    while (!below_.empty()) {
      const Below below = std::move(below_.back());
      below_.pop_back();
      read(below.node, below.state);
    }
  }

  void walk_down(const Trie& trie, std::uint32_t node, Place place) {
    if (path_.size() <= trie.height()) path_.resize(trie.height() + 1);
    std::size_t depth = 0;
    const auto enter = [&](std::uint32_t here, Place at) {
      if (at.run != nullptr || may_end_token(trie, here, at.state)) set_tokens(trie, here, here + 1, true);
      const Trie::Children children = trie.children(here);
      if (children.nodes.empty()) return;
      const bool large = trie[here].skip - here > kSmall;
      if (at.run == nullptr && large && &trie == &trie_ && trie.tokens_below(here) >= kMany) {
        return below_.push_back({here, at.state});
      }
      if (at.run == nullptr && (large || trie.repeats(here))) at.run = run_at(at.state);
      if (at.run == nullptr && large) {
        if (const auto characters = automaton_.wide(at.state)) {
          return read_wide_below(trie, here, at.state, *characters);
        }
      }
      path_[depth++] = {children, 0, at};
    };
    enter(node, place);
    while (depth > 0) {
      Step& step = path_[depth - 1];
      if (step.next == step.children.nodes.size()) {
        --depth;
        continue;
      }
      const std::size_t child = step.next++;
      const Place next = after_byte(step.place, step.children.bytes[child], depth);
      if (next.state != Automaton::kDead) enter(step.children.nodes[child], next);
    }
  }

  // The same in a state that refuses no run of the characters: only what leaves a run is asked about, later.
  void read_wide_below(const Trie& trie, std::uint32_t node, StateId state, const ByteMachine& characters) {
    struct Level {
      Trie::Children children;
      std::size_t next;
      ByteMachine::State machine_state;
    };
    std::vector<Level> levels = {{trie.children(node), 0, ByteMachine::kStart}};
    std::string bytes;  // read since `node`
    while (!levels.empty()) {
      Level& level = levels.back();
      if (level.next == level.children.nodes.size()) {
        levels.pop_back();
        if (!bytes.empty()) bytes.pop_back();
        continue;
      }
      const std::size_t child = level.next++;
      const std::uint8_t byte = level.children.bytes[child];
      const std::uint32_t here = level.children.nodes[child];
      const ByteMachine::State read = characters.step(level.machine_state, byte);
      if (read != ByteMachine::kDead) {
        set_tokens(trie, here, here + 1, true);
        bytes.push_back(static_cast<char>(byte));
        levels.push_back({trie.children(here), 0, read == ByteMachine::kAccept ? ByteMachine::kStart : read});
      } else {
        const StateId from = automaton_.advance(state, bytes);
        const StateId next = from == Automaton::kDead ? from : automaton_.step(from, byte);
        if (next != Automaton::kDead) exits_.push_back({&trie, here, next});
      }
    }
  }

  // The place after a byte, below the last node of path_[0 .. depth).
  Place after_byte(const Place& place, std::uint8_t byte, std::size_t depth) {
    if (place.run == nullptr) return {automaton_.step(place.state, byte)};
    const ByteMachine::State next = place.run->characters()->step(place.machine_state, byte);
    if (next == ByteMachine::kDead) {
      StateId from = place.run->before_exit(place.characters);
      for (std::size_t level = depth - 1 - place.partial; level + 1 < depth && from != Automaton::kDead; ++level) {
        from = automaton_.step(from, path_[level].children.bytes[path_[level].next - 1]);
      }
      return {from == Automaton::kDead ? from : automaton_.step(from, byte)};
    }
    if (place.characters >= place.run->most()) return {Automaton::kDead};
    if (next != ByteMachine::kAccept) return {place.state, place.run, place.characters, place.partial + 1U, next};
    return {place.state, place.run, place.characters + 1U};
  }

  // The tokens below `node`, which are in the mask as far as they are runs.  Its byte, which is read at `machine_state`
  // of a character after so many whole ones, leads to `next`.
  void compare(const Compared& compared, std::uint32_t node, StateId next, ByteMachine::State machine_state,
               std::uint32_t characters, const ByteMachine* machine) {
    const auto& here = trie_[node];
    const ByteMachine::State in_run = machine->step(machine_state, here.byte);
    if (in_run == ByteMachine::kDead) {  // no runs below
      if (compared.settled && characters > 0) {
        set_tokens(trie_, node, here.skip, false);
      }
      if (next != Automaton::kDead) walk_below(trie_, node, {next});
      return;
    }
    if (next == Automaton::kDead) return set_tokens(trie_, node, here.skip, false);
    const bool whole = in_run == ByteMachine::kAccept;
    Run* run = compared.run;
    if (whole && run != nullptr && characters <= run->most() && next == run->after(characters)) {
      if (!compared.settled) leave_run(*run, 1, compared.runs, node + 1, here.skip);
      return;
    }
    if (!compared.wide) set_tokens(trie_, node, node + 1, may_end_token(trie_, node, next));
    const Trie::Children children = trie_.children(node);
    for (std::size_t i = 0; i < children.nodes.size(); ++i) {
      const std::uint32_t child = children.nodes[i];
      if (compared.wide && !compared.runs.leads_out(child)) continue;
      compare(compared, child, automaton_.step(next, children.bytes[i]), whole ? ByteMachine::kStart : in_run,
              characters + (whole ? 1U : 0U), machine);
    }
  }

  // The tokens of the nodes first .. last - 1 that leave the run, which begins after `skipped` characters.
  void leave_run(Run& run, std::uint32_t skipped, const TokenRuns& runs, std::uint32_t first, std::uint32_t last) {
    const auto& exits = runs.exits();
    auto exit = std::lower_bound(exits.begin(), exits.end(), first,
                                 [](const TokenRuns::Exit& e, std::uint32_t node) { return e.node < node; });
    for (; exit != exits.end() && exit->node < last; ++exit) {
      const std::uint32_t characters = exit->characters - skipped;
      if (characters > run.most()) continue;
      leave(*exit, run.before_exit(characters));
    }
  }

  // The tokens of an exit and below, from the state after its whole characters on.
  void leave(const TokenRuns::Exit& exit, StateId state) {
    if (exit.partial > 0 && state != Automaton::kDead) {
      const std::string_view text = *vocabulary_.text(trie_.tokens()[trie_[exit.node].first_token]);
      state = automaton_.advance(state, text.substr(trie_[exit.node].depth - exit.partial, exit.partial));
    }
    if (state != Automaton::kDead) walk(trie_, exit.node, state);
  }

  const Automaton& automaton_;
  const Vocabulary& vocabulary_;
  const Trie& trie_;
  std::vector<std::uint32_t> mask_;  // empty until the first tokens are added
  std::vector<Step> path_;
  std::vector<Exit> exits_;
  std::vector<Below> below_;
  std::unordered_map<StateId, std::optional<Run>> runs_;  // by the state that they begin in
};

}  // namespace

std::vector<std::uint32_t> allowed_tokens(const Automaton& automaton, const Vocabulary& vocabulary, StateId state) {
  return MaskWalk(automaton, vocabulary).mask(state);
}

}  // namespace tamis
