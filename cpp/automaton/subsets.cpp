#include "subsets.hpp"

#include <algorithm>
#include <bitset>
#include <numeric>
#include <tuple>

namespace tamis {
namespace {

constexpr SubsetId kUnknownStep = 0xFFFFFFFFU;
constexpr std::uint64_t kCombination = ~std::uint64_t{0};  // in a key: what follows is one
constexpr std::size_t kPositions = 20000;                  // positions with counters in one subset
constexpr std::size_t kStepBlock = 1024;                   // of the memory for steps
constexpr std::size_t kFew = 16;                           // of which a list is searched faster than a set
constexpr std::size_t kMemberSearch = 20000;               // tuples looked at before "has a member" is assumed,
constexpr std::size_t kSearchWork = 500000;                // or positions

}  // namespace

ByteClasses::ByteClasses(const Nfa& nfa) {
  std::bitset<257> starts;
  starts.set(0);
  for (const auto& machine : nfa.machines) {
    for (const auto& edge : machine->edges()) {
      starts.set(edge.low);
      starts.set(edge.high + 1U);
    }
  }
  for (const auto& source : nfa.grammar().machines) source->mark_byte_classes(starts);
  for (std::size_t byte = 0; byte < 256; ++byte) {
    if (starts[byte]) representative.push_back(static_cast<std::uint8_t>(byte));
    of[byte] = static_cast<std::uint8_t>(representative.size() - 1);
  }
}

// Gathers the positions that some reach without input.  Collections may nest: starting a combination can take one.
class Subsets::Collector {
 public:
  // Without `enter`, combinations that lead to rules are left where they are, to be entered when a rule has ended in
  // front of them: until then they may well lead to the same place again.
  explicit Collector(Subsets& subsets, bool enter) : s_(subsets), nfa_(subsets.nfa_), enter_(enter) {
    if (++s_.collections_ == 0) {
      std::fill(s_.seen_plain_.begin(), s_.seen_plain_.end(), 0);
      s_.collections_ = 1;
    }
    collection_ = s_.collections_;
    if (!s_.buffers_.empty()) {
      std::tie(todo_, core_) = std::move(s_.buffers_.back());
      s_.buffers_.pop_back();
      todo_.clear();
      core_.clear();
    }
  }
  ~Collector() { s_.buffers_.emplace_back(std::move(todo_), std::move(core_)); }
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  void add(Position p) { todo_.push_back(p); }
  void keep(Position p) { core_.push_back(p); }

  void add_tuple(Nfa::StateId state, FrameId parent, TupleId tuple) {
    if (s_.accepts(tuple)) todo_.push_back(position(nfa_.states[state].b, 0, parent));
    // Machine state 1 marks a combination under way, so that it is not entered again.
    if (s_.can_continue(tuple)) core_.push_back(position(state, 1, s_.frame(parent, tuple)));
  }

  SubsetId collected() {
    while (!todo_.empty()) {
      const Position next = todo_.back();
      todo_.pop_back();
      expand(next);
    }
    s_.work_ += core_.size();
    if (core_.size() > 1) {
      std::sort(core_.begin(), core_.end());
      core_.erase(std::unique(core_.begin(), core_.end()), core_.end());
    }
    return s_.interned(core_);
  }

 private:
  void expand(Position p) {
    const Nfa::StateId id = state_of(p);
    if (nfa_.states[id].kind == Nfa::Kind::kLater) s_.nfa_.build_later(id);
    const Nfa::State state = nfa_.states[id];
    const FrameId frame_id = frame_of(p);
    if (id != Nfa::kFinal && frame_id == 0 && machine_state_of(p) == 0) {
      if (id >= s_.seen_plain_.size()) s_.seen_plain_.resize(nfa_.states.size());
      if (s_.seen_plain_[id] == collection_) return;
      s_.seen_plain_[id] = collection_;
    } else if (state.kind != Nfa::Kind::kChars) {
      if (!met(p)) return;
      if (many_framed_.size() > kPositions) {
        throw LimitError("too many ways to read the same string: nested or ambiguous bounded repeats");
      }
    }
    switch (state.kind) {
      case Nfa::Kind::kFinal:
        core_.push_back(position(Nfa::kFinal, 0, 0));
        break;
      case Nfa::Kind::kChars:
      case Nfa::Kind::kCall:
        core_.push_back(p);
        break;
      case Nfa::Kind::kSplit:
        for (std::uint32_t i = 0; i < state.b; ++i) todo_.push_back(position(nfa_.splits[state.a + i], 0, frame_id));
        break;
      case Nfa::Kind::kEnter:
        todo_.push_back(position(nfa_.counters[state.a].head, 0, s_.frame(frame_id, 0)));
        break;
      case Nfa::Kind::kHead: {
        const Nfa::Counter& counter = nfa_.counters[state.a];
        const FrameId parent = s_.frames_.begin(frame_id)[0];
        const auto count = static_cast<std::int32_t>(s_.frames_.begin(frame_id)[1]);
        if (count >= counter.min) todo_.push_back(position(counter.exit, 0, parent));
        if (counter.max < 0 || count < counter.max) todo_.push_back(position(counter.body, 0, frame_id));
        break;
      }
      case Nfa::Kind::kNext: {
        const Nfa::Counter& counter = nfa_.counters[state.a];
        const FrameId parent = s_.frames_.begin(frame_id)[0];
        std::uint32_t count = s_.frames_.begin(frame_id)[1] + 1;
        // Past the minimum an unbounded count says nothing more.
        if (counter.max < 0) count = std::min(count, static_cast<std::uint32_t>(counter.min));
        todo_.push_back(position(counter.head, 0, s_.frame(parent, count)));
        break;
      }
      case Nfa::Kind::kLater:  // built above
        break;
      case Nfa::Kind::kBoolean:
        if (enter_ || is_decidable(nfa_.booleans[state.a])) {
          add_tuple(id, frame_id, s_.tuple_start(state.a));
        } else {
          core_.push_back(p);
        }
        break;
    }
  }

  // Whether a position with a frame comes for the first time.
  bool met(Position p) {
    if (many_framed_.empty()) {
      if (std::find(few_framed_.begin(), few_framed_.end(), p) != few_framed_.end()) return false;
      few_framed_.push_back(p);
      if (few_framed_.size() > kFew) many_framed_.insert(few_framed_.begin(), few_framed_.end());
      return true;
    }
    return many_framed_.insert(p).second;
  }

  static bool is_decidable(const Nfa::Boolean& operands) {
    return std::all_of(operands.begin(), operands.end(), [](const Nfa::Operand& operand) { return operand.decidable; });
  }

  Subsets& s_;
  const Nfa& nfa_;
  bool enter_;
  std::uint32_t collection_;
  std::vector<Position> todo_;
  std::vector<Position> core_;
  std::vector<Position> few_framed_;
  std::unordered_set<Position> many_framed_;
};

Subsets::Subsets(Nfa& nfa, const ByteClasses& classes, NestedStates& nested)
    : nfa_(nfa), classes_(classes), nested_(nested) {
  interned({});
  frames_.intern({});  // frame 0: none
  for (const auto& source : nfa_.grammar().machines) machines_.push_back(source->make());
}

Subsets::Position Subsets::position(Nfa::StateId state, std::uint32_t machine_state, FrameId frame) {
  return (static_cast<Position>(frame) << 40) | (static_cast<Position>(machine_state) << 28) | state;
}

SubsetId Subsets::start_of(Nfa::StateId state) { return closure(position(state, 0, 0)); }

SubsetId Subsets::closure(Position p, bool enter) {
  Collector collector(*this, enter);
  collector.add(p);
  return collector.collected();
}

SubsetId Subsets::step(SubsetId subset, std::size_t byte_class) {
  const Row known = row(subset);
  SubsetId& next = known.next[known.ways->of[byte_class]];
  if (next == kUnknownStep) next = make_step(subset, byte_class);
  return next;
}

Subsets::Row Subsets::row(SubsetId subset) {
  if (rows_[subset].ways != nullptr) return rows_[subset];
  const Partition* ways = partition(subset);
  if (steps_left_ < ways->count) {
    steps_left_ = std::max(kStepBlock, ways->count);
    steps_.push_back(std::make_unique_for_overwrite<SubsetId[]>(steps_left_));
    step_ = steps_.back().get();
    row_bytes_ += steps_left_ * sizeof(SubsetId);
  }
  const Row made{ways, step_};
  step_ += ways->count;
  steps_left_ -= ways->count;
  std::fill(made.next, made.next + ways->count, kUnknownStep);
  made.next[0] = kEmpty;
  return rows_[subset] = made;
}

Subsets::Partition::Partition(std::vector<std::uint16_t> of, std::size_t count)
    : of(std::move(of)), count(count), first(count + 1), classes(this->of.size()) {
  for (const std::uint16_t way : this->of) ++first[way];
  std::partial_sum(first.begin(), first.end(), first.begin());
  for (std::size_t c = classes.size(); c-- > 0;) classes[--first[this->of[c]]] = static_cast<std::uint8_t>(c);
}

const Subsets::Partition* Subsets::partition(SubsetId subset) {
  if (infos_[subset].stepwise) {
    if (each_ != nullptr) return each_;
    std::vector<std::uint16_t> each(classes_.count());
    std::iota(each.begin(), each.end(), std::uint16_t{1});
    return each_ = keep({std::move(each), classes_.count() + 1});
  }
  // Which characters it is reading settles everything, and so it is for the operands of combinations.
  SmallVector<std::uint64_t> reading;
  SmallVector<TupleId> tuples;
  for (const Position* p = subsets_.begin(subset); p != subsets_.end(subset); ++p) {
    const Nfa::State& state = nfa_.states[state_of(*p)];
    if (state.kind == Nfa::Kind::kChars) reading.push_back(std::uint64_t{state.a} << 12 | machine_state_of(*p));
    if (state.kind == Nfa::Kind::kBoolean) tuples.push_back(frames_.begin(frame_of(*p))[1]);
  }
  reading.make_set();
  SmallVector<const Partition*> combined;
  for (const TupleId tuple : tuples) combined.push_back(partition_of(tuple));
  combined.make_set();
  if (reading.empty() && combined.size() == 1) return combined[0];
  SmallVector<std::uint64_t> key(reading);
  for (int i = 0; i < 2 && !combined.empty(); ++i) key.push_back(kCombination);
  for (const Partition* part : combined) key.push_back(reinterpret_cast<std::uintptr_t>(part));
  return partition_by(key, [&](Ways& ways) {
    for (const std::uint64_t read : reading) {
      ways.begin();
      for (const auto& edge : nfa_.machines[read >> 12]->edges(static_cast<ByteMachine::State>(read & 0xFFFU))) {
        ways.mark(classes_.of[edge.low], classes_.of[edge.high], edge.target);
      }
    }
    for (const Partition* part : combined) ways.mark(part->of, part->count);
  });
}

// The ways on of a tuple of regular operands, which those of its operands settle.
const Subsets::Partition* Subsets::partition_of(TupleId tuple) {
  if (tuple >= ways_of_tuple_.size()) ways_of_tuple_.resize(tuples_.size());
  if (ways_of_tuple_[tuple] != nullptr) return ways_of_tuple_[tuple];
  const SmallVector<std::uint32_t> words = tuples_.few(tuple);
  SmallVector<const Partition*> parts;  // none for operands that are left out of account
  SmallVector<std::uint64_t> key;
  key.push_back(kCombination);
  key.push_back(words[0]);
  for (std::size_t i = 1; i < words.size(); ++i) {
    parts.push_back(words[i] == kFree ? nullptr : row(words[i]).ways);
    key.push_back(reinterpret_cast<std::uintptr_t>(parts[i - 1]));
  }
  return ways_of_tuple_[tuple] = partition_by(key, [&](Ways& ways) {
           const Nfa::Boolean& operands = nfa_.booleans[words[0]];
           Ways together(classes_.count());
           for (const Partition* part : parts) {
             if (part != nullptr) together.mark(part->of, part->count);
           }
           std::size_t count = 0;
           std::vector<std::uint16_t> numbers = together.dense(count);
           for (std::size_t c = 0; c < numbers.size(); ++c) {
             bool gone = false;
             for (std::size_t i = 0; i < operands.size(); ++i) {
               gone = gone || (parts[i] != nullptr && !operands[i].negated && parts[i]->of[c] == 0);
             }
             numbers[c] = gone ? 0 : static_cast<std::uint16_t>(numbers[c] + 1);
           }
           ways.mark(numbers, count + 1);
         });
}

// The partition of this key; `mark` makes it, the first time.
template <class Mark>
const Subsets::Partition* Subsets::partition_by(std::span<const std::uint64_t> key, Mark mark) {
  const std::uint32_t id = read_.intern(key);
  if (id < partition_of_read_.size()) return partition_of_read_[id];
  partition_of_read_.push_back(nullptr);
  Ways ways(classes_.count());
  mark(ways);
  std::size_t count = 0;
  std::vector<std::uint16_t> numbers = ways.dense(count);
  return partition_of_read_[id] = keep({std::move(numbers), count});
}

const Subsets::Partition* Subsets::keep(Partition made) {
  row_bytes_ += sizeof(Partition) + made.of.size() * 3 + made.first.size() * 2;
  partitions_.push_back(std::move(made));
  return &partitions_.back();
}

Subsets::Position Subsets::after_byte(Position p, ByteMachine::State machine_state) const {
  if (machine_state == ByteMachine::kAccept) return position(nfa_.states[state_of(p)].b, 0, frame_of(p));
  return position(state_of(p), machine_state, frame_of(p));
}

SubsetId Subsets::make_step(SubsetId subset, std::size_t byte_class) {
  Collector collector(*this, true);
  for (std::size_t i = 0; i < subsets_.length(subset); ++i) {
    const Position p = subsets_.begin(subset)[i];  // which collecting may move
    const Nfa::State state = nfa_.states[state_of(p)];
    if (state.kind == Nfa::Kind::kChars) {
      const ByteMachine::State next = nfa_.machines[state.a]->step(static_cast<ByteMachine::State>(machine_state_of(p)),
                                                                   classes_.representative[byte_class]);
      if (next != ByteMachine::kDead) collector.add(after_byte(p, next));
    } else if (state.kind == Nfa::Kind::kBoolean) {
      const TupleId next = tuple_step(frames_.begin(frame_of(p))[1], byte_class);
      if (next != kNoTuple) collector.add_tuple(state_of(p), frames_.begin(frame_of(p))[0], next);
    }
  }
  return collector.collected();
}

SubsetId Subsets::unite(SubsetId a, SubsetId b) {
  if (a == b || b == kEmpty) return a;
  if (a == kEmpty) return b;
  const std::uint64_t key = (static_cast<std::uint64_t>(std::min(a, b)) << 32) | std::max(a, b);
  if (const auto* found = unions_.find(key)) return *found;
  std::vector<Position> both;
  std::set_union(subsets_.begin(a), subsets_.end(a), subsets_.begin(b), subsets_.end(b), std::back_inserter(both));
  const SubsetId made = interned(both);
  unions_.insert(key, made);
  return made;
}

const std::vector<Subsets::Call>& Subsets::calls(SubsetId subset) {
  if (infos_[subset].calls_known) return infos_[subset].calls;
  std::vector<std::pair<RuleId, Position>> returns;  // by rule
  for (const Position p : subsets_.few(subset)) {
    const Nfa::State state = nfa_.states[state_of(p)];
    if (state.kind == Nfa::Kind::kCall) returns.emplace_back(state.a, position(state.b, 0, frame_of(p)));
  }
  std::stable_sort(returns.begin(), returns.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Call> calls;
  for (auto here = returns.begin(); here != returns.end();) {
    const RuleId rule = here->first;
    Collector collector(*this, false);
    for (; here != returns.end() && here->first == rule; ++here) collector.add(here->second);
    calls.push_back({rule, collector.collected()});
  }
  infos_[subset].calls = std::move(calls);
  infos_[subset].calls_known = true;
  return infos_[subset].calls;
}

SubsetId Subsets::entered(SubsetId subset) {
  if (!infos_[subset].unentered) return subset;
  if (infos_[subset].entered) return *infos_[subset].entered;
  Collector collector(*this, true);
  for (const Position p : subsets_.copy(subset)) {
    if (is_unentered(p)) {
      collector.add(p);
    } else {
      collector.keep(p);
    }
  }
  const SubsetId made = collector.collected();
  infos_[subset].entered = made;
  return made;
}

bool Subsets::has_member(std::uint32_t combination) {
  const TupleId start = tuple_start(combination);
  return accepts(start) || can_continue(start);
}

std::size_t Subsets::memory_bytes() const {
  std::size_t machines = 0;
  for (const auto& machine : machines_) machines += machine->memory_bytes();
  return machines + loops_.size() * 88 + (common_.size() + clashes_.size()) * 96 + partition_of_read_.capacity() * 8 +
         continues_.capacity() + ways_of_tuple_.capacity() * 8 + subsets_.memory_bytes() + frames_.memory_bytes() +
         tuples_.memory_bytes() + infos_.capacity() * sizeof(Info) + rows_.capacity() * sizeof(Row) + row_bytes_ +
         read_.memory_bytes() + unions_.memory_bytes() + token_ends_.size() * 32 + wide_.size() * 48 +
         seen_plain_.capacity() * 4;
}

SubsetId Subsets::interned(const std::vector<Position>& positions) {
  const SubsetId id = subsets_.intern(positions);
  if (id < infos_.size()) return id;
  Info info;
  bool calls = false;
  for (const Position p : positions) {
    const Nfa::Kind kind = nfa_.states[state_of(p)].kind;
    info.final = info.final || kind == Nfa::Kind::kFinal;
    calls = calls || kind == Nfa::Kind::kCall;
    info.consumes = info.consumes || kind == Nfa::Kind::kChars || kind == Nfa::Kind::kBoolean;
    info.unentered = info.unentered || is_unentered(p);
    if (kind == Nfa::Kind::kBoolean && !is_unentered(p)) {
      const auto& operands = nfa_.booleans[tuples_.begin(frames_.begin(frame_of(p))[1])[0]];
      info.stepwise = info.stepwise || std::any_of(operands.begin(), operands.end(),
                                                   [](const Nfa::Operand& operand) { return !operand.decidable; });
    }
  }
  info.only_final = info.final && positions.size() == 1;
  info.stays = info.consumes && !info.final && !calls;
  infos_.push_back(std::move(info));
  rows_.emplace_back();
  return id;
}

Subsets::FrameId Subsets::frame(FrameId parent, std::uint32_t value) {
  const FrameId id = frames_.intern({parent, value});
  if (id >= (1U << 24)) throw LimitError("too many counter values in use at once");
  return id;
}

Subsets::TupleId Subsets::tuple_start(std::uint32_t combination) {
  if (combination >= tuple_starts_.size()) tuple_starts_.resize(nfa_.booleans.size(), kNoTuple);
  if (tuple_starts_[combination] != kNoTuple) return tuple_starts_[combination];
  std::vector<std::uint32_t> tuple = {combination};
  for (const Nfa::Operand& operand : nfa_.booleans[combination]) {
    switch (operand.kind) {
      case Nfa::OperandKind::kRegular:
        tuple.push_back(start_of(operand.start));
        break;
      case Nfa::OperandKind::kGrammar:
        tuple.push_back(nested_.nested_start(operand.start));
        break;
      case Nfa::OperandKind::kMachine:
        tuple.push_back(static_cast<std::uint32_t>(machines_[operand.start]->start()));
        break;
    }
  }
  const TupleId made = interned_tuple(tuple);
  return tuple_starts_[combination] = made;
}

Subsets::TupleId Subsets::tuple_step(TupleId tuple, std::size_t byte_class) {
  SmallVector<std::uint32_t> next = tuples_.few(tuple);
  const Nfa::Boolean& operands = nfa_.booleans[next[0]];
  for (std::size_t i = 0; i < operands.size(); ++i) {
    std::uint32_t& component = next[i + 1];
    if (component == kFree) continue;
    bool gone;
    if (operands[i].kind == Nfa::OperandKind::kRegular) {
      component = step(component, byte_class);
      gone = component == kEmpty;
    } else {
      if (component != NestedStates::kGone) {
        component = operands[i].kind == Nfa::OperandKind::kGrammar
                        ? nested_.nested_step(component, byte_class)
                        : static_cast<std::uint32_t>(machines_[operands[i].start]->step(
                              static_cast<Machine::State>(component), classes_.representative[byte_class]));
      }
      gone = component == NestedStates::kGone;
    }
    if (gone && !operands[i].negated) return kNoTuple;
  }
  return interned_tuple(next);
}

SubsetId Subsets::end_token(SubsetId subset) {
  if (const auto found = token_ends_.find(subset); found != token_ends_.end()) return found->second;
  std::vector<Position> left;
  for (const Position p : subsets_.copy(subset)) {
    if (nfa_.states[state_of(p)].kind != Nfa::Kind::kBoolean || is_unentered(p)) {
      left.push_back(p);
      continue;
    }
    const FrameId parent = frames_.begin(frame_of(p))[0];
    const TupleId next = tuple_end_token(frames_.begin(frame_of(p))[1]);
    if (next != kNoTuple) left.push_back(position(state_of(p), 1, frame(parent, next)));
  }
  std::sort(left.begin(), left.end());
  left.erase(std::unique(left.begin(), left.end()), left.end());
  const SubsetId made = interned(left);
  token_ends_.emplace(subset, made);
  return made;
}

Subsets::TupleId Subsets::tuple_end_token(TupleId tuple) {
  SmallVector<std::uint32_t> next = tuples_.few(tuple);
  const Nfa::Boolean& operands = nfa_.booleans[next[0]];
  for (std::size_t i = 0; i < operands.size(); ++i) {
    std::uint32_t& component = next[i + 1];
    bool gone;
    if (operands[i].kind == Nfa::OperandKind::kRegular) {
      component = end_token(component);
      gone = component == kEmpty;
    } else {
      if (component != NestedStates::kGone) {
        component = operands[i].kind == Nfa::OperandKind::kGrammar
                        ? nested_.nested_end_token(component)
                        : static_cast<std::uint32_t>(
                              machines_[operands[i].start]->end_token(static_cast<Machine::State>(component)));
      }
      gone = component == NestedStates::kGone;
    }
    if (gone && !operands[i].negated) return kNoTuple;
  }
  return interned_tuple(next);
}

Subsets::TupleId Subsets::interned_tuple(std::span<const std::uint32_t> tuple) {
  const TupleId id = tuples_.intern(tuple);
  if (id == continues_.size()) continues_.push_back(Answer::kUnknown);
  return id;
}

bool Subsets::accepts(TupleId tuple) const {
  const std::uint32_t* words = tuples_.begin(tuple);
  const Nfa::Boolean& operands = nfa_.booleans[words[0]];
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const std::uint32_t component = words[i + 1];
    if (component == kFree) continue;
    bool complete;
    if (operands[i].kind == Nfa::OperandKind::kRegular) {
      complete = infos_[component].final;
    } else if (component == NestedStates::kGone) {
      complete = false;
    } else if (operands[i].kind == Nfa::OperandKind::kGrammar) {
      complete = nested_.nested_complete(component);
    } else {
      complete = machines_[operands[i].start]->is_complete(static_cast<Machine::State>(component));
    }
    if (complete == operands[i].negated) return false;
  }
  return true;
}

// Whether operands that are not regular throughout agree is not decided; the others are held against each other.
Subsets::TupleId Subsets::decidable_part(TupleId tuple) {
  SmallVector<std::uint32_t> words = tuples_.few(tuple);
  const Nfa::Boolean& operands = nfa_.booleans[words[0]];
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (!operands[i].decidable) words[i + 1] = kFree;
  }
  return interned_tuple(words);
}

// A byte class for every way in which the regular operands of a tuple may go on.
std::vector<std::uint32_t> Subsets::ways_on(TupleId tuple) {
  const Partition& ways = *partition_of(tuple);
  std::vector<std::uint32_t> firsts;
  for (std::size_t way = 1; way < ways.count; ++way) firsts.push_back(ways.classes[ways.first[way]]);
  return firsts;
}

bool Subsets::can_continue(TupleId tuple) {
  const bool gave_up = !given_up_.empty() && given_up_.contains(tuples_.begin(tuple)[0]);
  if (!gave_up && continues_[tuple] != Answer::kUnknown) return continues_[tuple] == Answer::kYes;
  const SmallVector<std::uint32_t> words = tuples_.few(tuple);
  const Nfa::Boolean& operands = nfa_.booleans[words[0]];
  bool all_decidable = true;
  bool some_decidable = false;
  bool gone = false;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    all_decidable = all_decidable && (operands[i].decidable || words[i + 1] == kFree);
    some_decidable = some_decidable || operands[i].decidable;
    gone = gone || (operands[i].kind != Nfa::OperandKind::kRegular && !operands[i].negated &&
                    words[i + 1] == NestedStates::kGone);
  }
  if (gone || gave_up || !all_decidable) {
    const bool answer = !gone && (gave_up || !some_decidable || can_continue(decidable_part(tuple)));
    continues_[tuple] = answer ? Answer::kYes : Answer::kNo;
    return answer;
  }
  // Depth first, remembering where each tuple was met first: what leads to a member is a yes.
  const std::size_t work_before = work_;
  std::vector<std::pair<TupleId, std::size_t>> met = {{tuple, 0}};
  std::vector<std::size_t> stack = {0};
  std::unordered_map<TupleId, bool> seen = {{tuple, true}};
  while (!stack.empty()) {
    const std::size_t here = stack.back();
    stack.pop_back();
    for (const std::size_t byte_class : ways_on(met[here].first)) {
      const TupleId next = tuple_step(met[here].first, byte_class);
      if (next == kNoTuple) continue;
      const bool too_long = met.size() > kMemberSearch || work_ - work_before > kSearchWork;
      if (too_long) given_up_.insert(words[0]);
      if (too_long || accepts(next) || continues_[next] == Answer::kYes) {
        for (std::size_t i = here;; i = met[i].second) {
          continues_[met[i].first] = Answer::kYes;
          if (i == 0) return true;
        }
      }
      if (continues_[next] == Answer::kNo || !seen.emplace(next, true).second) continue;
      stack.push_back(met.size());
      met.emplace_back(next, here);
    }
  }
  for (const auto& [dead, parent] : met) continues_[dead] = Answer::kNo;
  return false;
}

}  // namespace tamis
