#include "subsets.hpp"

#include <algorithm>
#include <bitset>

namespace tamis {
namespace {

constexpr SubsetId kUnknownStep = 0xFFFFFFFFU;
constexpr std::size_t kPositions = 20000;     // positions with counters in one subset
constexpr std::size_t kMemberSearch = 50000;  // tuples looked at before "has a member" is assumed

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
  for (std::size_t byte = 0; byte < 256; ++byte) {
    if (starts[byte]) representative.push_back(static_cast<std::uint8_t>(byte));
    of[byte] = static_cast<std::uint8_t>(representative.size() - 1);
  }
}

Subsets::Subsets(const Nfa& nfa, const ByteClasses& classes, std::vector<bool> alive)
    : nfa_(nfa), classes_(classes), alive_(std::move(alive)), seen_plain_(nfa.states.size()) {
  interned({});
  frames_.intern({});  // frame 0: none
  // Inner combinations come first, and whether a start can go on is settled here: collecting positions never has to
  // ask.
  for (std::uint32_t b = 0; b < nfa_.booleans.size(); ++b) {
    tuple_starts_.push_back(tuple_start(b));
    can_continue(tuple_starts_.back());
  }
}

Subsets::Position Subsets::position(Nfa::StateId state, std::uint32_t machine_state, FrameId frame) {
  return (static_cast<Position>(frame) << 40) | (static_cast<Position>(machine_state) << 28) | state;
}

SubsetId Subsets::start_of(Nfa::StateId state) {
  const Collecting collecting(*this);
  add(position(state, 0, 0));
  return collected();
}

SubsetId Subsets::step(SubsetId subset, std::size_t byte_class) {
  if (steps_[subset].empty()) {
    steps_[subset].assign(classes_.count(), kUnknownStep);
    ++step_rows_;
  }
  if (steps_[subset][byte_class] != kUnknownStep) return steps_[subset][byte_class];
  const std::uint8_t byte = classes_.representative[byte_class];
  std::vector<Position> reached;
  struct Combined {
    Nfa::StateId state;
    FrameId parent;
    TupleId tuple;
  };
  std::vector<Combined> combined;
  for (const Position p : subsets_.copy(subset)) {
    const Nfa::State& state = nfa_.states[state_of(p)];
    if (state.kind == Nfa::Kind::kChars) {
      const ByteMachine::State next =
          nfa_.machines[state.a]->step(static_cast<ByteMachine::State>(machine_state_of(p)), byte);
      if (next == ByteMachine::kAccept) {
        reached.push_back(position(state.b, 0, frame_of(p)));
      } else if (next != ByteMachine::kDead) {
        reached.push_back(position(state_of(p), next, frame_of(p)));
      }
    } else if (state.kind == Nfa::Kind::kBoolean) {
      const FrameId parent = frames_.begin(frame_of(p))[0];
      const TupleId next = tuple_step(frames_.begin(frame_of(p))[1], byte_class);
      if (next != kNoTuple) combined.push_back({state_of(p), parent, next});
    }
  }
  for (const Combined& c : combined) can_continue(c.tuple);  // before collecting: it takes steps of its own
  const Collecting collecting(*this);
  for (const Combined& c : combined) add_tuple(c.state, c.parent, c.tuple);
  for (const Position p : reached) todo_.push_back(p);
  drain();
  const SubsetId next = collected();
  steps_[subset][byte_class] = next;
  return next;
}

SubsetId Subsets::unite(SubsetId a, SubsetId b) {
  if (a == b || b == kEmpty) return a;
  if (a == kEmpty) return b;
  const std::uint64_t key = (static_cast<std::uint64_t>(std::min(a, b)) << 32) | std::max(a, b);
  if (const auto found = unions_.find(key); found != unions_.end()) return found->second;
  std::vector<Position> both;
  std::set_union(subsets_.begin(a), subsets_.end(a), subsets_.begin(b), subsets_.end(b), std::back_inserter(both));
  const SubsetId made = interned(both);
  unions_.emplace(key, made);
  return made;
}

const std::vector<Subsets::Call>& Subsets::calls(SubsetId subset) {
  if (infos_[subset].calls_known) return infos_[subset].calls;
  std::vector<Call> calls;
  for (const Position p : subsets_.copy(subset)) {
    const Nfa::State& state = nfa_.states[state_of(p)];
    if (state.kind != Nfa::Kind::kCall) continue;
    const Collecting collecting(*this);
    add(position(state.b, 0, frame_of(p)));
    const SubsetId returns_to = collected();
    const auto same = std::find_if(calls.begin(), calls.end(), [&](const Call& c) { return c.rule == state.a; });
    if (same == calls.end()) {
      calls.push_back({state.a, returns_to});
    } else {
      same->returns_to = unite(same->returns_to, returns_to);
    }
  }
  infos_[subset].calls = std::move(calls);
  infos_[subset].calls_known = true;
  return infos_[subset].calls;
}

bool Subsets::has_member(std::uint32_t combination) {
  const TupleId start = tuple_starts_[combination];
  return accepts(start) || can_continue(start);
}

std::size_t Subsets::memory_bytes() const {
  return subsets_.memory_bytes() + frames_.memory_bytes() + tuples_.memory_bytes() + infos_.capacity() * sizeof(Info) +
         steps_.capacity() * sizeof(steps_[0]) + step_rows_ * classes_.count() * sizeof(SubsetId) +
         unions_.size() * 32 + seen_plain_.capacity() * 4;
}

void Subsets::add(Position p) {
  todo_.push_back(p);
  drain();
}

void Subsets::drain() {
  if (collection_ == 0) {
    // A new collection: forget what the last one met.
    static constexpr std::uint32_t kRestart = 0xFFFFFFF0U;
    if (++seen_plain_[0] >= kRestart) {
      std::fill(seen_plain_.begin(), seen_plain_.end(), 0);
      seen_plain_[0] = 1;
    }
    collection_ = seen_plain_[0];
  }
  while (!todo_.empty()) {
    const Position next = todo_.back();
    todo_.pop_back();
    expand(next);
  }
}

void Subsets::expand(Position p) {
  const Nfa::StateId id = state_of(p);
  if (!alive_[id]) return;
  const Nfa::State& state = nfa_.states[id];
  const FrameId frame_id = frame_of(p);
  if (id != Nfa::kFinal && frame_id == 0 && machine_state_of(p) == 0) {
    if (seen_plain_[id] == collection_) return;
    seen_plain_[id] = collection_;
  } else if (state.kind != Nfa::Kind::kChars) {
    if (!seen_framed_.insert(p).second) return;
    if (seen_framed_.size() > kPositions) {
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
      todo_.push_back(position(nfa_.counters[state.a].head, 0, frame(frame_id, 0)));
      break;
    case Nfa::Kind::kHead: {
      const Nfa::Counter& counter = nfa_.counters[state.a];
      const FrameId parent = frames_.begin(frame_id)[0];
      const auto count = static_cast<std::int32_t>(frames_.begin(frame_id)[1]);
      if (count >= counter.min) todo_.push_back(position(counter.exit, 0, parent));
      if (counter.max < 0 || count < counter.max) todo_.push_back(position(counter.body, 0, frame_id));
      break;
    }
    case Nfa::Kind::kNext: {
      const Nfa::Counter& counter = nfa_.counters[state.a];
      const FrameId parent = frames_.begin(frame_id)[0];
      std::uint32_t count = frames_.begin(frame_id)[1] + 1;
      // Past the minimum an unbounded count says nothing more.
      if (counter.max < 0) count = std::min(count, static_cast<std::uint32_t>(counter.min));
      todo_.push_back(position(counter.head, 0, frame(parent, count)));
      break;
    }
    case Nfa::Kind::kBoolean:
      add_tuple(id, frame_id, tuple_starts_[state.a]);
      break;
  }
}

void Subsets::abandon() {
  todo_.clear();
  core_.clear();
  seen_framed_.clear();
  collection_ = 0;
}

SubsetId Subsets::collected() {
  std::sort(core_.begin(), core_.end());
  core_.erase(std::unique(core_.begin(), core_.end()), core_.end());
  return interned(core_);
}

SubsetId Subsets::interned(const std::vector<Position>& positions) {
  const SubsetId id = subsets_.intern(positions);
  if (id < infos_.size()) return id;
  Info info;
  for (const Position p : positions) {
    const Nfa::Kind kind = nfa_.states[state_of(p)].kind;
    info.final = info.final || kind == Nfa::Kind::kFinal;
    info.consumes = info.consumes || kind == Nfa::Kind::kChars || kind == Nfa::Kind::kBoolean;
  }
  info.only_final = info.final && positions.size() == 1;
  infos_.push_back(std::move(info));
  steps_.emplace_back();
  return id;
}

Subsets::FrameId Subsets::frame(FrameId parent, std::uint32_t value) {
  const FrameId id = frames_.intern({parent, value});
  if (id >= (1U << 24)) throw LimitError("too many counter values in use at once");
  return id;
}

void Subsets::add_tuple(Nfa::StateId state, FrameId parent, TupleId tuple) {
  if (accepts(tuple)) todo_.push_back(position(nfa_.states[state].b, 0, parent));
  // Machine state 1 marks a combination under way, so that it is not entered again.
  if (continues_[tuple] == Answer::kYes) core_.push_back(position(state, 1, frame(parent, tuple)));
}

Subsets::TupleId Subsets::tuple_start(std::uint32_t combination) {
  std::vector<std::uint32_t> tuple = {combination};
  for (const Nfa::Operand& operand : nfa_.booleans[combination]) tuple.push_back(start_of(operand.start));
  return interned_tuple(tuple);
}

Subsets::TupleId Subsets::tuple_step(TupleId tuple, std::size_t byte_class) {
  std::vector<std::uint32_t> next = tuples_.copy(tuple);
  const Nfa::Boolean& operands = nfa_.booleans[next[0]];
  for (std::size_t i = 0; i < operands.size(); ++i) {
    next[i + 1] = step(next[i + 1], byte_class);
    if (next[i + 1] == kEmpty && !operands[i].negated) return kNoTuple;
  }
  return interned_tuple(next);
}

Subsets::TupleId Subsets::interned_tuple(const std::vector<std::uint32_t>& tuple) {
  const TupleId id = tuples_.intern(tuple);
  if (id == continues_.size()) continues_.push_back(Answer::kUnknown);
  return id;
}

bool Subsets::accepts(TupleId tuple) const {
  const std::uint32_t* words = tuples_.begin(tuple);
  const Nfa::Boolean& operands = nfa_.booleans[words[0]];
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (infos_[words[i + 1]].final == operands[i].negated) return false;
  }
  return true;
}

bool Subsets::can_continue(TupleId tuple) {
  if (continues_[tuple] != Answer::kUnknown) return continues_[tuple] == Answer::kYes;
  // Depth first, remembering where each tuple was met first: what leads to a member is a yes.
  std::vector<std::pair<TupleId, std::size_t>> met = {{tuple, 0}};
  std::vector<std::size_t> stack = {0};
  std::unordered_map<TupleId, bool> seen = {{tuple, true}};
  while (!stack.empty()) {
    const std::size_t here = stack.back();
    stack.pop_back();
    for (std::size_t byte_class = 0; byte_class < classes_.count(); ++byte_class) {
      const TupleId next = tuple_step(met[here].first, byte_class);
      if (next == kNoTuple) continue;
      if (accepts(next) || continues_[next] == Answer::kYes || met.size() > kMemberSearch) {
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
