#include "automaton.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <new>

#include "../grammar/passes.hpp"

namespace tamis {

// Turns the configurations after a byte into a state: rules that end return to their contexts, rules that may begin
// are called.
class Automaton::Settlement {
 public:
  explicit Settlement(const Automaton& automaton) : a_(automaton), subsets_(*automaton.subsets_) {}

  void add(ContextId context, SubsetId subset) {
    for (Entry& entry : entries_) {
      if (entry.context == context) {
        entry.subset = subsets_.unite(entry.subset, subset);
        return;
      }
    }
    entries_.push_back({context, subset, false});
  }

  StateId state() {
    finish_rules();
    call_rules();
    std::vector<std::pair<ContextId, SubsetId>> kept;
    std::uint32_t complete = 0;
    for (const Entry& entry : entries_) {
      const Subsets::Info& info = subsets_.info(entry.subset);
      if (entry.context == kBottom && info.final) complete = 1;
      if (info.consumes) kept.emplace_back(entry.context, entry.subset);
    }
    if (kept.empty() && complete == 0) return kDead;
    std::sort(kept.begin(), kept.end());
    std::vector<std::uint32_t> words = {complete};
    for (const auto& [context, subset] : kept) words.insert(words.end(), {context, subset});
    return a_.interned(words);
  }

 private:
  struct Entry {
    ContextId context;
    SubsetId subset;
    bool returned;
  };

  // Rules are never empty, so a rule that ends here was called earlier: returning needs no call and ends.
  void finish_rules() {
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t i = 0; i < entries_.size(); ++i) {
        if (entries_[i].returned || entries_[i].context == kBottom || !subsets_.info(entries_[i].subset).final) continue;
        entries_[i].returned = changed = true;
        const std::vector<std::uint32_t> outer = a_.contexts_.copy(entries_[i].context);
        for (std::size_t k = 0; k < outer.size(); k += 2) add(outer[k], outer[k + 1]);
      }
    }
  }

  void call_rules() {
    for (const Entry& entry : std::vector<Entry>(entries_)) gather(entry.context, entry.subset);
    while (!callers_.empty()) {
      const auto first = callers_.begin();
      const RuleId rule = first->second.rule;
      const ContextId context = caller_context(first->second.returns);
      callers_.erase(first);
      const SubsetId start = a_.rule_starts_[rule];
      add(context, start);
      gather(context, start);
    }
  }

  void gather(ContextId context, SubsetId subset) {
    for (const Subsets::Call& call : subsets_.calls(subset)) {
      Callers& callers = callers_[a_.nfa_.rule_ranks[call.rule]];
      callers.rule = call.rule;
      callers.returns.push_back({context, call.returns_to});
    }
  }

  ContextId caller_context(const std::vector<Configuration>& returns) {
    if (returns.size() == 1 && subsets_.info(returns[0].subset).only_final) return returns[0].context;
    std::map<ContextId, SubsetId> merged;
    const auto put = [&](ContextId context, SubsetId subset) {
      const auto [found, inserted] = merged.emplace(context, subset);
      if (!inserted) found->second = subsets_.unite(found->second, subset);
    };
    for (const Configuration& back : returns) {
      if (back.context != kBottom && subsets_.info(back.subset).only_final) {
        const std::vector<std::uint32_t> outer = a_.contexts_.copy(back.context);
        for (std::size_t k = 0; k < outer.size(); k += 2) put(outer[k], outer[k + 1]);
      } else {
        put(back.context, back.subset);
      }
    }
    std::vector<std::uint32_t> words;
    for (const auto& [context, subset] : merged) words.insert(words.end(), {context, subset});
    return a_.contexts_.intern(words);
  }

  struct Callers {
    RuleId rule = 0;
    std::vector<Configuration> returns;
  };

  const Automaton& a_;
  Subsets& subsets_;
  std::vector<Entry> entries_;
  std::map<std::uint32_t, Callers> callers_;  // by rank: every caller is known before its rule is entered
};

namespace {

Nfa compiled(Grammar& grammar, std::size_t max_states) {
  for (const Pass& pass : passes()) pass.run(grammar);
  return build_nfa(grammar, max_states);
}

std::vector<bool> alive_in(const Nfa& nfa, const ByteClasses& classes) {
  std::vector<bool> inhabited(nfa.booleans.size(), true);
  std::vector<bool> alive = alive_states(nfa, inhabited);
  if (nfa.booleans.empty()) return alive;
  Subsets probe(nfa, classes, alive);
  for (std::uint32_t b = 0; b < nfa.booleans.size(); ++b) inhabited[b] = probe.has_member(b);
  return alive_states(nfa, inhabited);
}

}  // namespace

Automaton::Automaton(Grammar grammar, Limits limits)
    : limits_(limits), nfa_(compiled(grammar, limits.nfa_states)), classes_(nfa_) {
  std::vector<bool> alive = alive_in(nfa_, classes_);
  if (!alive[nfa_.start]) throw CompileError("the grammar accepts no string");
  subsets_ = std::make_unique<Subsets>(nfa_, classes_, std::move(alive));
  for (const Nfa::StateId start : nfa_.rule_starts) {
    rule_starts_.push_back(start == Nfa::kFinal ? Subsets::kEmpty : subsets_->start_of(start));
  }
  contexts_.intern({});  // the bottom
  Settlement settlement(*this);
  settlement.add(kBottom, subsets_->start_of(nfa_.start));
  start_ = settlement.state();
}

StateId Automaton::make_step(StateId state, std::size_t byte_class) const {
  const std::lock_guard lock(mutex_);
  std::atomic<std::uint32_t>& known = cell(state, byte_class);
  if (const std::uint32_t value = known.load(std::memory_order_relaxed); value != kUnknown) {
    return static_cast<StateId>(value) - kOffset;
  }
  check_budget();
  Settlement settlement(*this);
  const std::vector<std::uint32_t> words = states_.copy(static_cast<std::uint32_t>(state));
  for (std::size_t i = 1; i < words.size(); i += 2) {
    const SubsetId next = subsets_->step(words[i + 1], byte_class);
    if (next != Subsets::kEmpty) settlement.add(words[i], next);
  }
  const StateId next = settlement.state();
  known.store(static_cast<std::uint32_t>(next + kOffset), std::memory_order_release);
  return next;
}

StateId Automaton::interned(const std::vector<std::uint32_t>& words) const {
  const std::uint32_t id = states_.intern(words);
  const auto state = static_cast<StateId>(id);
  if (id < count_.load(std::memory_order_relaxed)) return state;
  const auto [chunk, index] = place(state);
  if (index == 0) {
    // calloc: an unknown cell is zero, and untouched pages of a big chunk cost nothing.
    const std::size_t states = kFirstChunk << chunk;
    const auto allocate = [&](std::size_t bytes) {
      void* block = std::calloc(bytes, 1);
      if (block == nullptr) throw std::bad_alloc();
      blocks_.emplace_back(block, std::free);
      return block;
    };
    const std::size_t cell_bytes = states * classes_.count() * sizeof(std::atomic<std::uint32_t>);
    chunks_[chunk].complete.store(static_cast<bool*>(allocate(states)), std::memory_order_release);
    chunks_[chunk].cells.store(static_cast<std::atomic<std::uint32_t>*>(allocate(cell_bytes)),
                               std::memory_order_release);
    block_bytes_ += states + cell_bytes;
  }
  chunks_[chunk].complete.load(std::memory_order_relaxed)[index] = words[0] != 0;
  count_.store(id + 1, std::memory_order_release);
  return state;
}

void Automaton::check_budget() const {
  if (memory_bytes() > limits_.memory_bytes) {
    throw LimitError("the automaton needs more than its " + std::to_string(limits_.memory_bytes >> 20) +
                     " MiB; compile the grammar with a larger memory_limit, or simplify it");
  }
}

std::size_t Automaton::memory_bytes() const {
  return nfa_.memory_bytes() + subsets_->memory_bytes() + contexts_.memory_bytes() + states_.memory_bytes() +
         block_bytes_;
}

Automaton::Statistics Automaton::statistics() const {
  const std::lock_guard lock(mutex_);
  return {states_.size(),     subsets_->size(),  contexts_.size(),
          nfa_.states.size(), classes_.count(), memory_bytes()};
}

}  // namespace tamis
