#include "matcher.hpp"

#include <algorithm>
#include <utility>

#include "../automaton/subsets.hpp"
#include "../hash.hpp"

namespace tamis::regex {
namespace {

constexpr std::int64_t kMaxSteps = 1'000'000;
constexpr std::int64_t kRemember = 2'000;       // steps before configurations are remembered
constexpr std::size_t kMaxTried = 1U << 20;     // configurations remembered
constexpr std::size_t kMaxEntries = 4'000'000;  // of the stack
constexpr std::size_t kMaxSaved = 16'000'000;   // registers of callers
constexpr std::int32_t kMaxDepth = 20'000;      // calls under way
constexpr std::int32_t kNone = -1;

[[noreturn]] void too_long() {
  throw LimitError(
      "a regular expression takes too long to match: nested or ambiguous repeats around what cannot be "
      "decided by an automaton");
}

}  // namespace

Matcher::Matcher(const Program& program)
    : program_(program),
      commits_(std::any_of(program.code.begin(), program.code.end(),
                           [](const Instruction& i) { return i.op == Op::kCommit; })),
      loops_at_(kFirstCapture + 2 * program.groups),
      registers_(static_cast<std::size_t>(loops_at_) + 3 * program.loops.size()) {}

std::size_t Matcher::memory_bytes() const {
  return registers_.capacity() * 4 + stack_.capacity() * sizeof(Entry) + nodes_.capacity() * sizeof(Node) +
         saved_.capacity() * 4 + tried_.capacity() * sizeof(Hash);
}

Outcome Matcher::run(const std::u32string& text) {
  text_ = &text;
  steps_ = 0;
  serial_ = 0;
  tried_count_ = 0;
  tried_.clear();
  nodes_.clear();
  saved_.clear();
  reached_end_ = false;
  const auto end = static_cast<Position>(text.size());
  Outcome outcome;
  outcome.open = program_.search && !program_.anchored;
  for (Position start = 0; start <= end;) {
    skip_to_ = start + 1;
    if (match_from(start)) {
      outcome.complete = true;
      outcome.settled = program_.search && registers_[kTaint] == 0;
      break;
    }
    if (!program_.search || program_.anchored) break;
    start = skip_to_;
    if (commits_) {
      // What failed because there was no way back may still match from a later start.
      tried_count_ = 0;
      tried_.clear();
    }
  }
  outcome.open = outcome.open || reached_end_;
  return outcome;
}

bool Matcher::match_from(Position start) {
  stack_.clear();
  std::fill(registers_.begin(), registers_.end(), 0);
  std::fill_n(registers_.begin() + kFirstCapture, 2 * program_.groups, kNone);
  registers_[kMarker] = registers_[kFrame] = registers_[kStarts] = kNone;
  pc_ = 0;
  position_ = start;
  matched_ = false;
  while (!matched_) {
    if (++steps_ > kMaxSteps) too_long();
    if (!step(program_.code[static_cast<std::size_t>(pc_)]) && !backtrack()) return false;
  }
  return true;
}

bool Matcher::step(const Instruction& i) {
  const auto end = static_cast<Position>(text_->size());
  switch (i.op) {
    case Op::kMatch:
      if (!program_.search && position_ != end) return false;
      matched_ = true;
      return true;
    case Op::kChar:
      if (!read(program_.sets[static_cast<std::size_t>(i.a)], (i.b & kBehind) != 0)) return false;
      break;
    case Op::kChars:
      return read_many(i);
    case Op::kSplit:
      if (!is_new(false)) return false;
      push({.kind = EntryKind::kChoice, .a = i.b != 0 ? pc_ + 1 : i.a, .b = position_});
      if (i.b == 0) break;
      pc_ = i.a;
      return true;
    case Op::kJump:
      pc_ = i.a;
      return true;
    case Op::kOpen: {
      const std::int32_t parent = registers_[kStarts];
      const Hash outer = parent < 0 ? Hash{} : nodes_[static_cast<std::size_t>(parent)].hash;
      const auto at = static_cast<std::uint64_t>(position_);
      nodes_.push_back(
          {.parent = parent, .position = position_, .hash = {mix(outer.high, at), mix(outer.low, at + 1)}});
      set(kStarts, static_cast<std::int32_t>(nodes_.size() - 1));
      break;
    }
    case Op::kClose:
      close_group(i.a);
      break;
    case Op::kBackreference:
      if (!same_as_group(i)) return false;
      break;
    case Op::kAssert:
      if (!holds(i)) return false;
      break;
    case Op::kIfGroup:
      if (registers_[capture(i.a)] < 0) {
        pc_ = i.b;
        return true;
      }
      break;
    case Op::kLook:
      if (!is_new(false)) return false;
      enter(EntryKind::kLook);
      set(kTaint, 0);
      break;
    case Op::kLookEnd:
      return end_look();
    case Op::kAtomic:
      if (!is_new(false)) return false;
      enter(EntryKind::kAtomic);
      break;
    case Op::kAtomicEnd:
      end_atomic();
      break;
    case Op::kLoop:
      return enter_loop(i.a);
    case Op::kLoopEnd:
      return end_round(i.a);
    case Op::kCall:
      return call(i.a);
    case Op::kReturn:
      give_back();
      return true;
    case Op::kCommit:
      cut(static_cast<std::size_t>(registers_[kMarker] + 1));
      if (i.a != 0) skip_to_ = std::max(position_, skip_to_);
      break;
    case Op::kForget:
      set(capture(i.a), kNone);
      set(capture(i.a) + 1, kNone);
      break;
    case Op::kFail:
      return false;
  }
  ++pc_;
  return true;
}

bool Matcher::backtrack() {
  while (!stack_.empty()) {
    Entry& top = stack_.back();
    const Entry entry = top;
    switch (entry.kind) {
      case EntryKind::kUndo:
        registers_[static_cast<std::size_t>(entry.a)] = entry.b;
        stack_.pop_back();
        continue;
      case EntryKind::kShorter:
      case EntryKind::kBackwards:
        if (entry.b == entry.c) {
          stack_.pop_back();
        } else {
          top.b += entry.kind == EntryKind::kShorter ? -1 : 1;
        }
        pc_ = entry.a;
        position_ = entry.b;
        break;
      case EntryKind::kLonger: {
        const Instruction& chars = program_.code[static_cast<std::size_t>(entry.a)];
        position_ = entry.b;
        if (entry.c == chars.c || !read(program_.sets[static_cast<std::size_t>(chars.a)], (chars.d & kBehind) != 0)) {
          stack_.pop_back();
          continue;
        }
        top.b = position_;
        ++top.c;
        pc_ = entry.a + 1;
        break;
      }
      case EntryKind::kChoice:
        stack_.pop_back();
        pc_ = entry.a;
        position_ = entry.b;
        break;
      case EntryKind::kRound:
        stack_.pop_back();
        position_ = entry.b;
        start_round(entry.a);
        break;
      case EntryKind::kLeave:
        stack_.pop_back();
        position_ = entry.b;
        leave_loop(entry.a);
        break;
      case EntryKind::kLook:
        stack_.pop_back();
        if (look_failed(entry)) return true;
        continue;
      case EntryKind::kAtomic:
        stack_.pop_back();
        reached_end_ = reached_end_ || entry.reached_end;
        continue;
    }
    if (++steps_ > kMaxSteps) too_long();
    if (is_new(true)) return true;
  }
  return false;
}

void Matcher::push(Entry entry) {
  if (stack_.size() >= kMaxEntries) throw LimitError("a regular expression needs too much memory to match");
  stack_.push_back(entry);
}

void Matcher::set(std::int32_t index, std::int32_t value) {
  std::int32_t& current = registers_[static_cast<std::size_t>(index)];
  if (current == value) return;
  push({.kind = EntryKind::kUndo, .a = index, .b = current});
  current = value;
}

void Matcher::set_taint() { set(kTaint, 1); }

bool Matcher::read(const CodePoints& set, bool behind) {
  if (behind) {
    if (position_ == 0 || !set.contains((*text_)[static_cast<std::size_t>(position_ - 1)])) return false;
    --position_;
    return true;
  }
  if (position_ == static_cast<Position>(text_->size())) {
    reached_end_ = true;
    return false;
  }
  if (!set.contains((*text_)[static_cast<std::size_t>(position_)])) return false;
  ++position_;
  return true;
}

bool Matcher::read_many(const Instruction& i) {
  const CodePoints& set = program_.sets[static_cast<std::size_t>(i.a)];
  const bool behind = (i.d & kBehind) != 0;
  const std::int32_t wanted = (i.d & kLazy) != 0 ? i.b : i.c;
  const Position from = position_;
  std::int32_t count = 0;
  const bool reached_before = std::exchange(reached_end_, false);
  while (count != wanted && read(set, behind)) ++count;
  const bool cut_short = std::exchange(reached_end_, reached_before || reached_end_);
  steps_ += count;
  if (count < i.b) return false;
  // How many a possessive repeat takes depends on what follows.
  if ((i.d & kPossessive) != 0) {
    if (cut_short) set_taint();
  } else if ((i.d & kLazy) != 0) {
    push({.kind = EntryKind::kLonger, .a = pc_, .b = position_, .c = count});
  } else if (count > i.b) {
    const Position least = behind ? from - i.b : from + i.b;
    push({.kind = behind ? EntryKind::kBackwards : EntryKind::kShorter,
          .a = pc_ + 1,
          .b = behind ? position_ + 1 : position_ - 1,
          .c = least});
  }
  ++pc_;
  return is_new(true);
}

bool Matcher::holds(const Instruction& i) {
  const CodePoints& set = program_.sets[static_cast<std::size_t>(i.b)];
  const auto end = static_cast<Position>(text_->size());
  const auto inside = [&](Position at) {
    return at >= 0 && at < end && set.contains((*text_)[static_cast<std::size_t>(at)]);
  };
  // What depends on the end of the text: true for now, or not true yet.
  const auto at_the_end = [&](bool value) {
    if (value) {
      set_taint();
    } else {
      reached_end_ = true;
    }
    return value;
  };
  const bool last = position_ == end;
  const auto kind = static_cast<AssertionKind>(i.a);
  switch (kind) {
    case AssertionKind::kStart:
      return position_ == 0;
    case AssertionKind::kEnd:
      return last && at_the_end(true);
    case AssertionKind::kFinal:
      return (last || (position_ == end - 1 && text_->back() == U'\n')) && at_the_end(true);
    case AssertionKind::kLineStart:
      return position_ == 0 || inside(position_ - 1);
    case AssertionKind::kLineEnd:
      return last ? at_the_end(true) : inside(position_);
    case AssertionKind::kBoundary:
    case AssertionKind::kNotBoundary: {
      const bool wanted = kind == AssertionKind::kBoundary;
      if (last) return at_the_end(end == 0 ? !wanted && i.c != 0 : inside(position_ - 1) == wanted);
      return (inside(position_ - 1) != inside(position_)) == wanted;
    }
    case AssertionKind::kAhead:
      return last ? at_the_end(false) : inside(position_);
    case AssertionKind::kNotAhead:
      return last ? at_the_end(true) : !inside(position_);
    case AssertionKind::kBehind:
      return inside(position_ - 1);
    case AssertionKind::kNotBehind:
      return !inside(position_ - 1);
  }
  return false;
}

bool Matcher::same_as_group(const Instruction& i) {
  static const Fold kNoFold;
  const Position from = registers_[capture(i.a)];
  const Position to = registers_[capture(i.a) + 1];
  if (to < 0) return (i.b & kOptional) != 0;
  const Fold& fold = i.c < 0 ? kNoFold : program_.folds[static_cast<std::size_t>(i.c)];
  const bool behind = (i.b & kBehind) != 0;
  // The foldings of both, character by character; both must end together.
  Folding theirs;
  Folding ours;
  const auto take = [&](Position at, Folding& into) {
    const char32_t code = (*text_)[static_cast<std::size_t>(at)];
    const auto found = fold.find(code);
    into = found == fold.end() ? Folding(1, code) : found->second;
    if (!behind) std::reverse(into.begin(), into.end());  // the next one is at the back
  };
  Position theirs_at = behind ? to : from;
  while (theirs_at != (behind ? from : to) || !theirs.empty()) {
    ++steps_;
    if (theirs.empty()) take(behind ? --theirs_at : theirs_at++, theirs);
    if (ours.empty()) {
      if (behind ? position_ == 0 : position_ == static_cast<Position>(text_->size())) {
        reached_end_ = reached_end_ || !behind;
        return false;
      }
      take(behind ? --position_ : position_++, ours);
    }
    if (ours.back() != theirs.back()) return false;
    ours.pop_back();
    theirs.pop_back();
  }
  return ours.empty();
}

void Matcher::close_group(std::int32_t group) {
  const Node start = nodes_[static_cast<std::size_t>(registers_[kStarts])];
  set(kStarts, start.parent);
  const auto [from, to] = std::minmax(start.position, position_);
  const std::int32_t at = capture(group);
  if (registers_[at] == from && registers_[at + 1] == to) return;
  set(at, from);
  set(at + 1, to);
  set(kChanged, ++serial_);
}

void Matcher::enter(EntryKind kind) {
  const auto marker = static_cast<std::int32_t>(stack_.size());
  push({.kind = kind,
        .reached_end = reached_end_,
        .a = pc_,
        .b = position_,
        .marker = registers_[kMarker],
        .scope = registers_[kScope],
        .taint = registers_[kTaint]});
  reached_end_ = false;
  set(kMarker, marker);
  set(kScope, ++serial_);
}

bool Matcher::end_look() {
  const auto marker = static_cast<std::size_t>(registers_[kMarker]);
  const Entry look = stack_[marker];
  const Instruction& i = program_.code[static_cast<std::size_t>(look.a)];
  if (i.c != 0) {
    // The first way to match decides what its groups hold.
    const bool taint = registers_[kTaint] != 0 || reached_end_;
    reached_end_ = reached_end_ || look.reached_end;
    cut(marker);
    set(kMarker, look.marker);
    set(kScope, look.scope);
    set(kTaint, taint || look.taint != 0 ? 1 : 0);
  } else if (registers_[kTaint] != 0) {
    // Perhaps there is another way to match, whatever follows.
    stack_[marker].unsettled = true;
    return false;
  } else {
    for (; stack_.size() > marker; stack_.pop_back()) {
      const Entry& entry = stack_.back();
      if (entry.kind == EntryKind::kUndo) registers_[static_cast<std::size_t>(entry.a)] = entry.b;
    }
    reached_end_ = look.reached_end;
  }
  if (i.a < 0) return false;
  position_ = look.b;
  pc_ = i.a;
  return true;
}

bool Matcher::look_failed(const Entry& look) {
  const Instruction& i = program_.code[static_cast<std::size_t>(look.a)];
  const bool inside = std::exchange(reached_end_, look.reached_end);
  const std::int32_t now = look.unsettled ? i.a : i.b;
  const std::int32_t otherwise = look.unsettled ? i.b : i.a;
  if (look.unsettled || inside) {
    // More text may change the answer: from failure, or to another branch.
    if (now < 0 || otherwise >= 0) reached_end_ = true;
    if (now >= 0) set_taint();
  }
  if (now < 0) return false;
  position_ = look.b;
  pc_ = now;
  return true;
}

void Matcher::end_atomic() {
  const auto marker = static_cast<std::size_t>(registers_[kMarker]);
  const Entry atomic = stack_[marker];
  const bool depends = reached_end_;
  reached_end_ = reached_end_ || atomic.reached_end;
  cut(marker);
  set(kMarker, atomic.marker);
  set(kScope, atomic.scope);
  // Where an earlier way to match reached the end, it may be the one that counts in a longer text.
  if (depends) set_taint();
}

void Matcher::cut(std::size_t from) {
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(from);
  steps_ += stack_.end() - begin;
  stack_.erase(std::remove_if(begin, stack_.end(), [](const Entry& e) { return e.kind != EntryKind::kUndo; }),
               stack_.end());
}

bool Matcher::enter_loop(std::int32_t index) {
  const Loop& loop = program_.loops[static_cast<std::size_t>(index)];
  set(loop_register(index), 0);
  return choose(index, loop.most != 0, loop.least == 0);
}

bool Matcher::end_round(std::int32_t index) {
  const Loop& loop = program_.loops[static_cast<std::size_t>(index)];
  const std::int32_t at = loop_register(index);
  const std::int32_t before = registers_[at];
  // Past the minimum an unbounded count says nothing more.
  const std::int32_t count = loop.most < 0 ? std::min(before + 1, loop.least) : before + 1;
  const bool moved = position_ != registers_[at + 1];
  const bool captured = registers_[at + 2] != registers_[kChanged];
  bool again = true;
  switch (loop.empty_rounds) {
    case EmptyRounds::kLeave:
      again = moved || before < loop.least;
      break;
    case EmptyRounds::kLeaveUnlessCaptured:
      again = moved || captured || count < loop.least;
      break;
    case EmptyRounds::kFail:
      if (!moved && before >= loop.least) return false;
      break;
  }
  set(at, count);
  // A round that changed nothing would do so as often as needed.
  return choose(index, again && count != loop.most, count >= loop.least || (!moved && !captured));
}

bool Matcher::choose(std::int32_t index, bool round, bool leave) {
  const Loop& loop = program_.loops[static_cast<std::size_t>(index)];
  if (round && leave) {
    push({.kind = loop.lazy ? EntryKind::kRound : EntryKind::kLeave, .a = index, .b = position_});
    (loop.lazy ? leave : round) = true;
    (loop.lazy ? round : leave) = false;
  }
  if (round) {
    start_round(index);
  } else if (leave) {
    leave_loop(index);
  } else {
    return false;
  }
  return is_new(true);
}

void Matcher::start_round(std::int32_t index) {
  set(loop_register(index) + 1, position_);
  set(loop_register(index) + 2, registers_[kChanged]);
  pc_ = program_.loops[static_cast<std::size_t>(index)].body;
}

void Matcher::leave_loop(std::int32_t index) {
  // What is over makes no difference to the configuration.
  for (std::int32_t k = 0; k < 3; ++k) set(loop_register(index) + k, 0);
  pc_ = program_.loops[static_cast<std::size_t>(index)].exit;
}

bool Matcher::call(Pc target) {
  const std::int32_t parent = registers_[kFrame];
  std::int32_t depth = 0;
  Hash outer;
  if (parent >= 0) {
    const Node& caller = nodes_[static_cast<std::size_t>(parent)];
    depth = caller.depth + 1;
    outer = caller.hash;
  }
  // A group that calls itself before it has read anything would do so for ever.
  for (std::int32_t at = parent; at >= 0; at = nodes_[static_cast<std::size_t>(at)].parent) {
    const Node& frame = nodes_[static_cast<std::size_t>(at)];
    if (frame.position != position_) break;
    if (frame.target == target) return false;
    ++steps_;
  }
  if (depth > kMaxDepth) throw LimitError("a regular expression calls itself too deeply");
  if (!is_new(false)) return false;
  const auto saved = static_cast<std::int32_t>(saved_.size());
  if (saved_.size() + registers_.size() > kMaxSaved) {
    throw LimitError("a regular expression needs too much memory to match");
  }
  saved_.insert(saved_.end(), registers_.begin() + kFirstCapture, registers_.end());
  Hash hash = configuration();
  hash = {mix(hash.high, outer.high), mix(hash.low, outer.low)};
  nodes_.push_back({.parent = parent,
                    .position = position_,
                    .target = target,
                    .returns = pc_ + 1,
                    .saved = saved,
                    .depth = depth,
                    .hash = hash});
  set(kFrame, static_cast<std::int32_t>(nodes_.size() - 1));
  pc_ = target;
  return true;
}

void Matcher::give_back() {
  const Node frame = nodes_[static_cast<std::size_t>(registers_[kFrame])];
  set(kFrame, frame.parent);
  const auto count = static_cast<std::int32_t>(registers_.size()) - kFirstCapture;
  for (std::int32_t k = 0; k < count; ++k) set(kFirstCapture + k, saved_[static_cast<std::size_t>(frame.saved + k)]);
  pc_ = frame.returns;
}

Matcher::Hash Matcher::configuration() const {
  Hash hash = {mix(1, static_cast<std::uint64_t>(pc_)), mix(2, static_cast<std::uint64_t>(pc_))};
  const auto add = [&hash](std::uint64_t value) { hash = {mix(hash.high, value), mix(hash.low, value)}; };
  add(static_cast<std::uint64_t>(position_));
  add(static_cast<std::uint64_t>(registers_[kScope]));
  add(static_cast<std::uint64_t>(registers_[kTaint]));
  for (const Register list : {kFrame, kStarts}) {
    if (registers_[list] < 0) continue;
    const Hash& inner = nodes_[static_cast<std::size_t>(registers_[list])].hash;
    hash = {mix(hash.high, inner.high + list), mix(hash.low, inner.low + list)};
  }
  for (std::int32_t at = kFirstCapture; at < loops_at_; ++at) add(static_cast<std::uint64_t>(registers_[at]));
  for (std::size_t at = static_cast<std::size_t>(loops_at_); at < registers_.size(); at += 3) {
    add(static_cast<std::uint64_t>(registers_[at]));
    add(static_cast<std::uint64_t>(registers_[at + 1]));
    add(registers_[at + 2] == registers_[kChanged] ? 1 : 0);
  }
  return hash;
}

bool Matcher::is_new(bool arrived) {
  if (steps_ < kRemember || tried_count_ >= kMaxTried) return true;
  if (tried_.size() < 2 * (tried_count_ + 1)) {
    std::vector<Hash> larger(std::max<std::size_t>(1024, 2 * tried_.size()));
    for (const Hash& hash : tried_) {
      if (hash == Hash{}) continue;
      std::size_t slot = hash.low & (larger.size() - 1);
      while (!(larger[slot] == Hash{})) slot = (slot + 1) & (larger.size() - 1);
      larger[slot] = hash;
    }
    tried_ = std::move(larger);
  }
  Hash key = configuration();
  key.high += arrived ? 1 : 0;
  std::size_t slot = key.low & (tried_.size() - 1);
  for (; !(tried_[slot] == Hash{}); slot = (slot + 1) & (tried_.size() - 1)) {
    if (tried_[slot] == key) return false;
  }
  tried_[slot] = key;
  ++tried_count_;
  return true;
}

}  // namespace tamis::regex
