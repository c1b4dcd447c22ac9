// The grammar automaton: states x bytes -> states, built as it is used and shared by everybody who uses it.
//
// A state is an interned set of configurations (subset of positions, context).  A context says where to go on when the
// rule under way ends: again an interned set of configurations, so stacks are persistent, shared and free to fork.  All
// callers of a rule at one place share one context, as in a graph-structured stack (Tomita 1985); a call in tail
// position adds none, so right recursion does not grow; and configurations that agree in one part are merged, so that
// ambiguity widens no state.
//
// Known transitions are read without a lock; only making a new one takes it.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <bitset>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "../flat_map.hpp"
#include "interner.hpp"
#include "nfa.hpp"
#include "subsets.hpp"

namespace tamis {

using StateId = std::int32_t;

struct Place;  // see diagnosis.hpp

class Automaton : private NestedStates {
 public:
  static constexpr StateId kDead = -1;

  struct Limits {
    std::size_t nfa_states = 2'000'000;
    std::size_t memory_bytes = std::size_t{1} << 30;
  };
  struct Statistics {
    std::size_t rules, states, subsets, contexts, nfa_states, byte_classes, memory_bytes;
  };

  // The grammar may not change any more.  Throws CompileError.
  Automaton(std::shared_ptr<const Grammar> grammar, Limits limits);

  StateId start() const { return start_; }

  // kDead where the bytes cannot follow.  Throws LimitError when the automaton would grow past its budget.
  StateId step(StateId state, std::uint8_t byte) const {
    const std::uint32_t known = cell(state, classes_.of[byte]).load(std::memory_order_acquire);
    return known != kUnknown ? static_cast<StateId>(known) - kOffset : make_step(state, classes_.of[byte]);
  }
  StateId advance(StateId state, std::string_view bytes) const {
    for (std::size_t i = 0; i < bytes.size() && state != kDead; ++i) {
      state = step(state, static_cast<std::uint8_t>(bytes[i]));
    }
    return state;
  }
  // Whether the bytes may follow: as `advance`, but where any run of characters is read, it makes no states of them.
  // Bytes alone: token budgets do not count.
  bool may_follow(StateId state, std::string_view bytes) const;
  // The state when a token has ended with the last byte; kDead where the token is one too many.  Bytes alone end none.
  StateId end_token(StateId state) const { return counts_tokens_ && state != kDead ? make_token_end(state) : state; }
  bool counts_tokens() const { return counts_tokens_; }      // where not, end_token changes nothing
  bool has_cheap_masks() const { return has_cheap_masks_; }  // no machine asks for many states
  bool is_complete(StateId state) const {
    const auto [chunk, index] = place(state);
    return chunks_[chunk].complete.load(std::memory_order_acquire)[index];
  }
  bool has(std::int64_t state) const {
    return state >= 0 && state < static_cast<std::int64_t>(count_.load(std::memory_order_acquire));
  }

  std::optional<CharacterLoop> loop(StateId state) const;
  // Whether the state, which makes the loop, is surely alive after so many of its characters.
  bool lives_ahead(StateId state, const CharacterLoop& loop, std::uint32_t characters) const;
  // Characters of which the state, and every state after some of them, reads any: see Subsets::wide.
  std::shared_ptr<const ByteMachine> wide(StateId state) const;

  // The bytes that may come next.
  std::bitset<256> next_bytes(StateId state) const;
  // The bytes that must come, until there is a choice or the string may end; at most `most` of them.
  std::string forced(StateId state, std::size_t most) const;
  // The shortest bytes after which the string may end, of several the first in their order; none where more than `most`
  // states are seen on the way.
  std::optional<std::string> completion(StateId state, std::size_t most) const;
  // As `advance` up to the first byte that cannot follow: the state in front of it, and how many bytes came before.
  std::pair<StateId, std::size_t> longest(StateId state, std::string_view bytes) const;
  // The places in the grammar where a state stands; `refused`: the byte that comes next, or -1 for the end of the text.
  std::vector<Place> diagnose(StateId state, int refused) const;

  Statistics statistics() const;

  // The names of the special tokens that the grammar asks for; what it is bound to must have them.
  const std::vector<std::string>& specials() const { return nfa_->grammar().specials; }

 private:
  using ContextId = std::uint32_t;
  static constexpr ContextId kBottom = 0;  // what the start is called from: nothing may follow, the string may end
  static constexpr ContextId kNoContext = 0xFFFFFFFFU;
  static constexpr SubsetId kNoSubset = 0xFFFFFFFFU;
  static constexpr std::uint32_t kUnknown = 0;  // cells hold 0, or a state + kOffset
  static constexpr StateId kOffset = 2;
  static constexpr std::size_t kFirstChunk = 16;

  struct Configuration {
    SubsetId subset;
    ContextId context;
  };
  using Configurations = std::vector<Configuration>;
  // Chunk k holds kFirstChunk * 2^k states, so states never move.
  struct Chunk {
    std::atomic<std::atomic<std::uint32_t>*> cells{nullptr};
    std::atomic<bool*> complete{nullptr};
    std::atomic<std::atomic<const ByteMachine*>*> wide{
        nullptr};  // null until known, a machine of its own where there is none
  };
  class Settlement;

  std::uint32_t nested_start(Nfa::StateId state) override;
  std::uint32_t nested_step(std::uint32_t state, std::size_t byte_class) override;
  std::uint32_t nested_end_token(std::uint32_t state) override;
  bool nested_complete(std::uint32_t state) const override;
  std::optional<CharacterLoop> nested_loop(std::uint32_t state) override { return character_loop(state); }
  std::shared_ptr<const ByteMachine> nested_wide(std::uint32_t state) override { return wide_characters(state); }
  std::optional<CharacterLoop> character_loop(std::uint32_t state) const;
  bool begins_anew(std::span<const std::uint32_t> state, std::span<const SubsetId> others) const;
  std::shared_ptr<const ByteMachine> wide_characters(std::uint32_t state) const;

  static std::pair<std::size_t, std::size_t> place(StateId state) {
    const auto scaled = static_cast<std::size_t>(state) / kFirstChunk + 1;
    const auto chunk = static_cast<std::size_t>(std::bit_width(scaled)) - 1;
    return {chunk, static_cast<std::size_t>(state) - kFirstChunk * ((std::size_t{1} << chunk) - 1)};
  }
  std::atomic<std::uint32_t>& cell(StateId state, std::size_t byte_class) const {
    const auto [chunk, index] = place(state);
    return chunks_[chunk].cells.load(std::memory_order_acquire)[index * classes_.count() + byte_class];
  }

  // As `wide`, which is asked once.
  const ByteMachine* known_wide(StateId state) const;
  StateId make_step(StateId state, std::size_t byte_class) const;
  StateId make_step_locked(StateId state, std::size_t byte_class) const;
  StateId make_single_step(StateId state, std::size_t byte_class) const;
  StateId make_token_end(StateId state) const;
  StateId make_token_end_locked(StateId state) const;
  SubsetId rule_start(RuleId rule) const;
  void begin(std::shared_ptr<const Grammar> grammar);
  StateId interned(std::span<const std::uint32_t> words) const;

  // Merges configurations with equal contexts or equal subsets; the language stays the same.
  void merge(Configurations& configurations, int depth = 0) const;
  ContextId context_of(bool may_end, Configurations configurations, int depth = 0) const;
  ContextId unite(ContextId a, ContextId b, int depth) const;
  // Everything that may follow once the rule called from `context` has ended, rules that end with it included.
  ContextId returned(ContextId context) const;
  void check_budget() const;
  std::size_t memory_bytes() const;
  class Diagnosis;

  Limits limits_;
  ByteClasses classes_;

  // Everything below grows during use, under the mutex; that is not a change anybody can observe.
  mutable std::mutex mutex_;
  std::unique_ptr<Nfa> nfa_;
  std::unique_ptr<Subsets> subsets_;
  mutable std::vector<SubsetId> rule_starts_;  // kNoSubset until known
  mutable int nesting_ = 0;
  mutable std::uint32_t steps_made_ = 0;
  mutable bool over_budget_ = false;
  mutable std::vector<std::uint32_t> single_ = {0, 0, 0};  // a state of one configuration, to be interned
  mutable Interner<std::uint32_t> contexts_;               // may the string end, then (subset, context) pairs
  mutable Interner<std::uint32_t> states_;                 // likewise
  mutable std::vector<ContextId> returned_;                // per context, kNoContext until known
  mutable FlatMap<ContextId> context_unions_;
  mutable std::unordered_map<StateId, StateId> token_ends_;
  mutable std::array<Chunk, 32> chunks_;
  mutable std::atomic<std::uint32_t> count_{0};
  mutable std::vector<std::unique_ptr<void, void (*)(void*)>> blocks_;
  mutable std::size_t block_bytes_ = 0;
  StateId start_ = kDead;
  bool counts_tokens_ = false;
  bool has_cheap_masks_ = true;
};

}  // namespace tamis
