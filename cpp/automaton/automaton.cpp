#include "automaton.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <new>
#include <tuple>

#include "../grammar/passes.hpp"

namespace tamis {

namespace {

constexpr int kMergeDepth = 1000;  // contexts this deep are left unmerged: correct, only larger
constexpr std::uint32_t kStepsUnchecked = 16;
constexpr int kNesting = 400;  // combinations inside operands of combinations, as the text nests them

SmallVector<std::uint32_t> words_of(bool may_end, const auto& configurations) {
  SmallVector<std::uint32_t> words;
  words.push_back(may_end ? 1U : 0U);
  for (const auto& [subset, context] : configurations) {
    words.push_back(subset);
    words.push_back(context);
  }
  return words;
}

}  // namespace

// Turns the configurations after a byte into a state: rules that end return to their contexts, rules that may begin
// are called.
class Automaton::Settlement {
 public:
  explicit Settlement(const Automaton& automaton) : a_(automaton), subsets_(*automaton.subsets_) {}

  void add(SubsetId subset, ContextId context) { configurations_.push_back({subset, context}); }

  StateId state() {
    a_.merge(configurations_);
    return_from_rules();
    call_rules();
    std::erase_if(configurations_, [&](const Configuration& c) { return !subsets_.info(c.subset).consumes; });
    if (configurations_.empty() && !may_end_) return kDead;
    a_.merge(configurations_);
    return a_.interned(words_of(may_end_, configurations_));
  }

 private:
  struct Callers {
    RuleId rule = 0;
    Configurations returns;
  };

  void return_from_rules() {
    for (const Configuration& ended : Configurations(configurations_)) {
      if (!subsets_.info(ended.subset).final) continue;
      put_context(a_.returned(ended.context), configurations_, may_end_);
    }
  }

  void put_context(ContextId context, Configurations& into, bool& may_end) {
    const SmallVector<std::uint32_t> words = a_.contexts_.few(context);
    may_end = may_end || words[0] != 0;
    for (std::size_t i = 1; i < words.size(); i += 2) into.push_back({words[i], words[i + 1]});
  }

  void call_rules() {
    for (const Configuration& c : Configurations(configurations_)) gather(c);
    while (!callers_.empty()) {
      const auto first = callers_.begin();
      const Callers callers = std::move(first->second);
      entered_rank_ = static_cast<std::int64_t>(first->first);
      callers_.erase(first);
      const Configuration entered{a_.rule_start(callers.rule), caller_context(callers.returns)};
      configurations_.push_back(entered);
      gather(entered);
    }
  }

  void gather(const Configuration& c) {
    for (const Subsets::Call& call : subsets_.calls(c.subset)) {
      const std::uint32_t rank = a_.nfa_->rule_ranks[call.rule];
      if (rank <= entered_rank_) throw std::logic_error("left recursion survived the passes");
      Callers& callers = callers_[rank];
      callers.rule = call.rule;
      callers.returns.push_back({call.returns_to, c.context});
    }
  }

  ContextId caller_context(const Configurations& returns) {
    Configurations merged;
    bool may_end = false;
    for (const Configuration& back : returns) {
      if (subsets_.info(back.subset).only_final) {
        if (returns.size() == 1) return back.context;
        put_context(back.context, merged, may_end);
      } else {
        merged.push_back(back);
      }
    }
    return a_.context_of(may_end, std::move(merged));
  }

  const Automaton& a_;
  Subsets& subsets_;
  Configurations configurations_;
  bool may_end_ = false;
  std::int64_t entered_rank_ = -1;
  std::map<std::uint32_t, Callers> callers_;  // by rank: every caller is known before its rule is entered
};

Automaton::Automaton(std::shared_ptr<const Grammar> grammar, Limits limits) : limits_(limits) {
  grammar = normalised(std::move(grammar));
  begin(grammar);
  while (true) {
    // Whether regular parts of combinations agree is decided once and for all, inner ones first.
    std::vector<NodeId> empty;
    const Reach reached = reach(*grammar);
    for (NodeId id = 0; id < grammar->size(); ++id) {
      const NodeKind kind = (*grammar)[id].kind;
      if (!reached.nodes[id] || (kind != NodeKind::kIntersect && kind != NodeKind::kComplement)) continue;
      if (!subsets_->has_member(nfa_->combination(id))) empty.push_back(id);
    }
    if (empty.empty()) break;
    const auto pruned = std::make_shared<Grammar>(*grammar);
    remove_empty_combinations(*pruned, empty);
    grammar = normalised(pruned);
    begin(grammar);
  }
  start_ = static_cast<StateId>(nested_start(nfa_->start));
  if (start_ == kDead) throw EmptyLanguageError();
  check_budget();
}

// From the beginning, whatever was there before.
void Automaton::begin(std::shared_ptr<const Grammar> grammar) {
  const std::size_t rules = grammar->rules.size();
  subsets_.reset();
  nfa_ = std::make_unique<Nfa>(std::move(grammar), limits_.nfa_states);
  classes_ = ByteClasses(*nfa_);
  NestedStates& self = *this;  // the base is private: make_unique could not convert
  subsets_ = std::make_unique<Subsets>(*nfa_, classes_, self);
  rule_starts_.assign(rules, kNoSubset);
  contexts_ = {};
  states_ = {};
  returned_.clear();
  context_unions_ = {};
  token_ends_.clear();
  counts_tokens_ = false;
  has_cheap_masks_ = true;
  for (const auto& machine : nfa_->grammar().machines) {
    counts_tokens_ = counts_tokens_ || machine->counts_tokens();
    has_cheap_masks_ = has_cheap_masks_ && machine->has_cheap_masks();
  }
  for (Chunk& chunk : chunks_) {
    chunk.cells.store(nullptr);
    chunk.complete.store(nullptr);
    chunk.wide.store(nullptr);
  }
  blocks_.clear();
  block_bytes_ = 0;
  count_.store(0);
  context_of(true, {});  // the bottom
}

std::uint32_t Automaton::nested_start(Nfa::StateId state) {
  Settlement settlement(*this);
  settlement.add(subsets_->start_of(state), kBottom);
  return static_cast<std::uint32_t>(settlement.state());
}

std::uint32_t Automaton::nested_step(std::uint32_t state, std::size_t byte_class) {
  const auto from = static_cast<StateId>(state);
  const std::uint32_t known = cell(from, byte_class).load(std::memory_order_relaxed);
  return known != kUnknown ? known - kOffset : static_cast<std::uint32_t>(make_step_locked(from, byte_class));
}

std::uint32_t Automaton::nested_end_token(std::uint32_t state) {
  return static_cast<std::uint32_t>(make_token_end_locked(static_cast<StateId>(state)));
}

bool Automaton::nested_complete(std::uint32_t state) const { return is_complete(static_cast<StateId>(state)); }

SubsetId Automaton::rule_start(RuleId rule) const {
  if (rule_starts_[rule] == kNoSubset) rule_starts_[rule] = subsets_->start_of(nfa_->rule_start(rule));
  return rule_starts_[rule];
}

StateId Automaton::make_step(StateId state, std::size_t byte_class) const {
  const std::lock_guard lock(mutex_);
  std::atomic<std::uint32_t>& known = cell(state, byte_class);
  if (const std::uint32_t value = known.load(std::memory_order_relaxed); value != kUnknown) {
    return static_cast<StateId>(value) - kOffset;
  }
  return make_step_locked(state, byte_class);
}

StateId Automaton::make_step_locked(StateId state, std::size_t byte_class) const {
  if (over_budget_ || ++steps_made_ % kStepsUnchecked == 0) check_budget();
  struct Nesting {
    int& depth;
    ~Nesting() { --depth; }
  } nesting{nesting_};
  if (++nesting_ > kNesting) throw LimitError("intersections and complements are nested too deeply in this text");
  const auto id = static_cast<std::uint32_t>(state);
  if (states_.end(id) - states_.begin(id) == 3) return make_single_step(state, byte_class);
  const SmallVector<std::uint32_t> words = states_.few(id);
  Settlement settlement(*this);
  for (std::size_t i = 1; i < words.size(); i += 2) {
    const SubsetId next = subsets_->step(words[i], byte_class);
    if (next != Subsets::kEmpty) settlement.add(next, words[i + 1]);
  }
  const StateId next = settlement.state();
  // Every byte that leads to the same subsets leads to the same state.
  std::vector<std::uint8_t> same = {static_cast<std::uint8_t>(byte_class)};
  for (std::size_t i = 1; i < words.size(); i += 2) {
    if (i == 1) {
      const auto alike = subsets_->alike(words[i], byte_class);
      same.assign(alike.begin(), alike.end());
    } else {
      const std::vector<std::uint16_t>& ways = subsets_->ways(words[i]);
      std::erase_if(same, [&](std::uint8_t c) { return ways[c] != ways[byte_class]; });
    }
  }
  for (const std::uint8_t c : same) {
    cell(state, c).store(static_cast<std::uint32_t>(next + kOffset), std::memory_order_release);
  }
  return next;
}

// The same for states of one configuration, which is nearly all of them.
StateId Automaton::make_single_step(StateId state, std::size_t byte_class) const {
  const std::uint32_t* words = states_.begin(static_cast<std::uint32_t>(state));
  const SubsetId subset = words[1];
  const ContextId context = words[2];
  const SubsetId to = subsets_->step(subset, byte_class);
  StateId next = kDead;
  if (subsets_->info(to).stays) {
    single_[1] = to;
    single_[2] = context;
    next = interned(single_);
  } else if (to != Subsets::kEmpty) {
    Settlement settlement(*this);
    settlement.add(to, context);
    next = settlement.state();
  }
  std::atomic<std::uint32_t>* cells = &cell(state, 0);
  for (const std::uint8_t c : subsets_->alike(subset, byte_class)) {
    cells[c].store(static_cast<std::uint32_t>(next + kOffset), std::memory_order_release);
  }
  return next;
}

StateId Automaton::make_token_end(StateId state) const {
  const std::lock_guard lock(mutex_);
  return make_token_end_locked(state);
}

StateId Automaton::make_token_end_locked(StateId state) const {
  if (const auto found = token_ends_.find(state); found != token_ends_.end()) return found->second;
  check_budget();
  const SmallVector<std::uint32_t> words = states_.few(static_cast<std::uint32_t>(state));
  Configurations left;
  for (std::size_t i = 1; i < words.size(); i += 2) {
    const SubsetId subset = subsets_->end_token(words[i]);
    if (subsets_->info(subset).consumes) left.push_back({subset, words[i + 1]});
  }
  const bool may_end = words[0] != 0;
  merge(left);
  const StateId made = left.empty() && !may_end ? kDead : interned(words_of(may_end, left));
  token_ends_.emplace(state, made);
  return made;
}

std::optional<CharacterLoop> Automaton::loop(StateId state) const {
  const std::lock_guard lock(mutex_);
  return character_loop(static_cast<std::uint32_t>(state));
}

bool Automaton::lives_ahead(StateId state, const CharacterLoop& loop, std::uint32_t characters) const {
  const std::lock_guard lock(mutex_);
  const SmallVector<std::uint32_t> words = states_.few(static_cast<std::uint32_t>(state));
  for (std::size_t i = 1; i < words.size(); i += 2) {
    if (subsets_->lives_ahead(words[i], loop, characters)) return true;
  }
  return false;
}

// A loop that configurations make together; others may stand beside them if they are over with its first character.
std::optional<CharacterLoop> Automaton::character_loop(std::uint32_t state) const {
  const SmallVector<std::uint32_t> words = states_.few(state);
  std::optional<CharacterLoop> common;
  SmallVector<SubsetId> others;
  for (std::size_t i = 1; i < words.size(); i += 2) {
    auto found = subsets_->loop(words[i]);
    if (found && found->ends_later) found.reset();
    if (found && !common) {
      common = found;
    } else if (found && found->characters == common->characters && found->most == common->most) {
      common->steady = common->steady && found->steady;
      common->alone = common->alone && found->alone;
    } else {
      others.push_back(words[i]);
    }
  }
  if (!common) return std::nullopt;
  if (common->most != CharacterLoop::kEndless && begins_anew(words, others)) return std::nullopt;
  for (const SubsetId other : others) {
    if (!subsets_->leave_to(other, *common)) return std::nullopt;
  }
  common->alone = common->alone && others.empty();
  return common;
}

// Whether a rule that may end, or one that may be called, leads back to a configuration of the state that makes the
// loop, which is all but `others`: then it does so again behind each of its characters.
bool Automaton::begins_anew(std::span<const std::uint32_t> state, std::span<const SubsetId> others) const {
  SmallVector<SubsetId> own;
  for (std::size_t i = 1; i < state.size(); i += 2) own.push_back(state[i]);
  const auto makes_loop = [&](SubsetId subset) {
    return std::find(own.begin(), own.end(), subset) != own.end() &&
           std::find(others.begin(), others.end(), subset) == others.end();
  };
  for (std::size_t i = 1; i < state.size(); i += 2) {
    if (!makes_loop(state[i])) continue;
    if (subsets_->info(state[i]).final) {
      const SmallVector<std::uint32_t> next = contexts_.few(returned(state[i + 1]));
      for (std::size_t k = 1; k < next.size(); k += 2) {
        if (makes_loop(next[k])) return true;
      }
    }
    const std::vector<Subsets::Call> calls = subsets_->calls(state[i]);
    for (const Subsets::Call& call : calls) {
      if (makes_loop(rule_start(call.rule))) return true;
    }
  }
  return false;
}

std::shared_ptr<const ByteMachine> Automaton::wide(StateId state) const {
  const std::lock_guard lock(mutex_);
  return wide_characters(static_cast<std::uint32_t>(state));
}

const ByteMachine* Automaton::known_wide(StateId state) const {
  static const ByteMachine not_wide({{}}, 0);
  const auto [chunk, index] = place(state);
  std::atomic<const ByteMachine*>& known = chunks_[chunk].wide.load(std::memory_order_acquire)[index];
  const ByteMachine* found = known.load(std::memory_order_acquire);
  if (found == nullptr) {
    const auto characters = wide(state);  // which the subsets keep
    found = characters == nullptr ? &not_wide : characters.get();
    known.store(found, std::memory_order_release);
  }
  return found == &not_wide ? nullptr : found;
}

bool Automaton::may_follow(StateId state, std::string_view bytes) const {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t byte_class = classes_.of[static_cast<std::uint8_t>(bytes[i])];
    const std::uint32_t known = cell(state, byte_class).load(std::memory_order_acquire);
    if (known != kUnknown) {
      state = static_cast<StateId>(known) - kOffset;
    } else {
      const ByteMachine* characters = known_wide(state);
      if (characters != nullptr && characters->reads(bytes.substr(i))) return true;
      state = make_step(state, byte_class);
    }
    if (state == kDead) return false;
  }
  return true;
}

std::shared_ptr<const ByteMachine> Automaton::wide_characters(std::uint32_t state) const {
  for (std::size_t i = 1; i < states_.length(state); i += 2) {
    if (auto characters = subsets_->wide(states_.begin(state)[i])) return characters;
  }
  return nullptr;
}

void Automaton::merge(Configurations& configurations, int depth) const {
  if (configurations.size() < 2) return;
  const auto by_context = [](const Configuration& a, const Configuration& b) {
    return std::tie(a.context, a.subset) < std::tie(b.context, b.subset);
  };
  const auto by_subset = [](const Configuration& a, const Configuration& b) {
    return std::tie(a.subset, a.context) < std::tie(b.subset, b.context);
  };
  const auto fold = [&](auto same, auto unite_into) {
    std::size_t kept = 0;
    for (std::size_t i = 1; i < configurations.size(); ++i) {
      if (same(configurations[kept], configurations[i])) {
        unite_into(configurations[kept], configurations[i]);
      } else {
        configurations[++kept] = configurations[i];
      }
    }
    const bool changed = kept + 1 < configurations.size();
    configurations.resize(kept + 1);
    return changed;
  };
  for (bool changed = true; changed;) {
    std::sort(configurations.begin(), configurations.end(), by_context);
    fold([](const auto& a, const auto& b) { return a.context == b.context; },
         [&](auto& a, const auto& b) { a.subset = subsets_->unite(a.subset, b.subset); });
    std::sort(configurations.begin(), configurations.end(), by_subset);
    changed = depth < kMergeDepth &&
              fold([](const auto& a, const auto& b) { return a.subset == b.subset; },
                   [&](auto& a, const auto& b) { a.context = unite(a.context, b.context, depth + 1); });
  }
}

Automaton::ContextId Automaton::context_of(bool may_end, Configurations configurations, int depth) const {
  merge(configurations, depth);
  const ContextId context = contexts_.intern(words_of(may_end, configurations));
  if (context == returned_.size()) returned_.push_back(kNoContext);
  return context;
}

Automaton::ContextId Automaton::unite(ContextId a, ContextId b, int depth) const {
  if (a == b) return a;
  const std::uint64_t key = (static_cast<std::uint64_t>(std::min(a, b)) << 32) | std::max(a, b);
  if (const auto* found = context_unions_.find(key)) return *found;
  Configurations both;
  bool may_end = false;
  for (const ContextId context : {a, b}) {
    const std::uint32_t* words = contexts_.begin(context);
    may_end = may_end || words[0] != 0;
    for (const std::uint32_t* w = words + 1; w != contexts_.end(context); w += 2) both.push_back({w[0], w[1]});
  }
  const ContextId made = context_of(may_end, std::move(both), depth);
  context_unions_.insert(key, made);
  return made;
}

Automaton::ContextId Automaton::returned(ContextId context) const {
  // Outer contexts were made before inner ones, so this ends; a stack instead of recursion, since they may be deep.
  std::vector<ContextId> todo = {context};
  while (!todo.empty()) {
    const ContextId here = todo.back();
    if (returned_[here] != kNoContext) {
      todo.pop_back();
      continue;
    }
    std::vector<std::uint32_t> words = contexts_.copy(here);
    bool ready = true;
    for (std::size_t i = 1; i < words.size(); i += 2) {
      words[i] = subsets_->entered(words[i]);
      if (subsets_->info(words[i]).final && returned_[words[i + 1]] == kNoContext) {
        todo.push_back(words[i + 1]);
        ready = false;
      }
    }
    if (!ready) continue;
    bool may_end = words[0] != 0;
    Configurations all;
    for (std::size_t i = 1; i < words.size(); i += 2) {
      all.push_back({words[i], words[i + 1]});
      if (!subsets_->info(words[i]).final) continue;
      const ContextId outer = returned_[words[i + 1]];
      const std::uint32_t* more = contexts_.begin(outer);
      may_end = may_end || more[0] != 0;
      for (const std::uint32_t* w = more + 1; w != contexts_.end(outer); w += 2) all.push_back({w[0], w[1]});
    }
    const ContextId made = context_of(may_end, std::move(all));
    returned_[here] = made;
    todo.pop_back();
  }
  return returned_[context];
}

StateId Automaton::interned(std::span<const std::uint32_t> words) const {
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
    const std::size_t wide_bytes = states * sizeof(std::atomic<const ByteMachine*>);
    chunks_[chunk].wide.store(static_cast<std::atomic<const ByteMachine*>*>(allocate(wide_bytes)),
                              std::memory_order_release);
    block_bytes_ += states + cell_bytes + wide_bytes;
  }
  chunks_[chunk].complete.load(std::memory_order_relaxed)[index] = words[0] != 0;
  count_.store(id + 1, std::memory_order_release);
  return state;
}

void Automaton::check_budget() const {
  over_budget_ = memory_bytes() > limits_.memory_bytes;
  if (over_budget_) {
    throw LimitError("the automaton needs more than its " + std::to_string(limits_.memory_bytes) +
                     " bytes; compile the grammar with a larger memory_limit, or simplify it");
  }
}

std::size_t Automaton::memory_bytes() const {
  return nfa_->memory_bytes() + subsets_->memory_bytes() + contexts_.memory_bytes() + states_.memory_bytes() +
         returned_.capacity() * sizeof(ContextId) + context_unions_.memory_bytes() + token_ends_.size() * 32 +
         block_bytes_;
}

Automaton::Statistics Automaton::statistics() const {
  const std::lock_guard lock(mutex_);
  return {nfa_->grammar().rules.size(), states_.size(),   subsets_->size(), contexts_.size(),
          nfa_->states.size(),          classes_.count(), memory_bytes()};
}

}  // namespace tamis
