#include "scanner.hpp"

#include <algorithm>
#include <stdexcept>

#include "../automaton/subsets.hpp"

namespace tamis::lark {

namespace {

using Op = Instruction::Op;

constexpr std::size_t kMaxThreads = 200'000;
constexpr std::size_t kMaxDepth = 500;
constexpr std::uint32_t kNobody = 0xFFFFFFFFU;
constexpr Address kWaiting = 0x80000000U;          // in the set of framed threads: it waits in the list
constexpr std::uint32_t kListFrame = 0x80000000U;  // the frame is a list, not captures

std::uint64_t key(std::uint32_t high, std::uint32_t low) { return std::uint64_t{high} << 32 | low; }

std::uint32_t count_groups(const std::vector<Instruction>& program) {
  std::uint32_t count = 0;
  for (const Instruction& i : program) {
    if (i.op == Op::kOpen) count = std::max(count, i.a + 1);
  }
  return count;
}

}  // namespace

class Scanner::Borrowed {
 public:
  explicit Borrowed(Scanner& scanner, bool cuts = true) : scanner_(scanner) {
    if (scanner.borrowed_ == kMaxDepth) throw LimitError("look-around is nested too deeply");
    if (scanner.borrowed_ == scanner.closures_.size()) {
      scanner.closures_.push_back(std::make_unique<Closure>());
      scanner.closures_.back()->visited.resize(scanner.tables_.program.size());
    }
    closure_ = scanner.closures_[scanner.borrowed_++].get();
    if (++closure_->use == 0) {
      std::fill(closure_->visited.begin(), closure_->visited.end(), 0);
      closure_->use = 1;
    }
    closure_->framed.clear();
    closure_->stack.clear();
    closure_->out.clear();
    closure_->cuts = cuts;
    closure_->matched = false;
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  ~Borrowed() { --scanner_.borrowed_; }
  Closure& operator*() const { return *closure_; }
  Closure* operator->() const { return closure_; }

 private:
  Scanner& scanner_;
  Closure* closure_;
};

Scanner::Scanner(const Tables& tables, const CodePoints& characters)
    : tables_(tables),
      characters_(characters),
      owner_(tables.program.size(), kNobody),
      has_keywords_(tables.ignored.size()),
      folds_(characters.class_count()),
      captures_(count_groups(tables.program)) {
  const auto own = [this](Address entry, std::uint32_t owner) {
    std::vector<Address> todo = {entry};
    while (!todo.empty()) {
      const Address address = todo.back();
      todo.pop_back();
      if (owner_[address] == owner) continue;
      if (owner_[address] != kNobody) throw std::invalid_argument("two patterns share an instruction");
      owner_[address] = owner;
      const Instruction& instruction = tables_.program[address];
      if (instruction.op == Op::kMatch) continue;
      if (instruction.op == Op::kSplit) todo.push_back(instruction.a);
      todo.push_back(instruction.b);
      todo.push_back(instruction.c);
    }
  };
  const auto types = static_cast<std::uint32_t>(tables.ignored.size());
  for (std::uint32_t look = 0; look < tables.looks.size(); ++look) {
    own(tables.looks[look].entry, types + look);
    if (!tables.looks[look].ahead) behinds_.push_back(look);
  }
  for (const Lexer& lexer : tables.lexers) {
    for (const Pattern& pattern : lexer.terminals) own(pattern.entry, pattern.type);
    for (const Unless& unless : lexer.unless) has_keywords_[unless.type] = true;
  }
  for (CodePoints::Class c = 0; c < folds_.size(); ++c) folds_[c] = c;
  for (const auto& [code_point, folded] : tables.folds) {
    folds_[characters.class_of(code_point)] = characters.class_of(folded);
  }
  lists_.intern({});  // kNoThreads
}

// --- Threads -----------------------------------------------------------------------------------------------------

bool Scanner::close(Closure& closure, Thread first, const Place& place) {
  const std::size_t bottom = closure.stack.size();
  closure.stack.push_back(first);
  while (closure.stack.size() > bottom) {
    const Thread t = closure.stack.back();
    closure.stack.pop_back();
    const std::uint32_t frame = frame_of(t);
    if (frame == 0) {
      if (closure.visited[address_of(t)] == closure.use) continue;
      closure.visited[address_of(t)] = closure.use;
    } else if (!closure.framed.insert(t).second) {
      continue;
    }
    if (closure.out.size() > kMaxThreads) throw LimitError("a token can be matched in too many ways at once");
    const Instruction& instruction = at(t);
    const auto go_on = [&](Address address, std::uint32_t with) { closure.stack.push_back(thread(address, with)); };
    bool cut = false;
    switch (instruction.op) {
      case Op::kChar:
        closure.out.push_back(t);
        break;
      case Op::kSplit:
        go_on(instruction.b, frame);
        go_on(instruction.a, frame);
        break;
      case Op::kLook: {
        const std::uint32_t look = instruction.a / 2;
        Answer answer = Answer::kOpen;
        if (!tables_.looks[look].ahead) {
          place.moment.looked_ = true;
          answer = (*place.behind)[look];
        } else if (place.is_before) {
          place.moment.looked_ = true;
          answer = holds_ahead(look, frame, place.moment) ? Answer::kYes : Answer::kNo;
        }
        if (answer == Answer::kOpen) {
          closure.out.push_back(t);
        } else if ((answer == Answer::kNo) == (instruction.a % 2 != 0)) {
          go_on(instruction.b, frame);
        }
        break;
      }
      case Op::kAtomic:
        cut = enter_atomic(closure, t, place);
        break;
      case Op::kOpen:
        go_on(instruction.b, captures_.open(frame, instruction.a));
        break;
      case Op::kClose:
        go_on(instruction.b, captures_.close(frame, instruction.a));
        break;
      case Op::kRepeat: {
        CodePoints::Class wanted = 0;
        if (!captures_.is_set(frame, instruction.a / 2)) break;
        if (captures_.wanted(frame, instruction.a / 2, wanted)) {
          closure.out.push_back(t);
        } else {
          go_on(captures_.is_repeating(frame) ? instruction.b : instruction.c, captures_.end_repeat(frame));
        }
        break;
      }
      case Op::kIsSet:
        if (captures_.is_set(frame, instruction.a)) go_on(instruction.b, frame);
        break;
      case Op::kIsUnset:
        if (!captures_.is_set(frame, instruction.a)) go_on(instruction.b, frame);
        break;
      case Op::kMatch:
        closure.out.push_back(thread(address_of(t), 0));
        closure.matched = true;
        cut = closure.cuts;
        break;
    }
    if (cut) {
      closure.stack.resize(bottom);
      return true;
    }
  }
  return false;
}

bool Scanner::advance(Closure& closure, Thread t, Moment& moment) {
  const CodePoints::Class c = moment.next_;
  if (c == kEndOfText) return false;
  const Place place{moment.behind_after_, moment, false};
  const Instruction& instruction = at(t);
  const std::uint32_t frame = frame_of(t);
  switch (instruction.op) {
    case Op::kChar:
      if (!characters_.contains(instruction.a, c)) return false;
      return close(closure, thread(instruction.b, captures_.read(frame, c, false)), place);
    case Op::kRepeat: {
      CodePoints::Class wanted = 0;
      captures_.wanted(frame, instruction.a / 2, wanted);
      const bool ignores_case = instruction.a % 2 != 0;
      if (wanted != c && !(ignores_case && folds_[wanted] == folds_[c])) return false;
      return close(closure, thread(address_of(t), captures_.read(frame, c, true)), place);
    }
    case Op::kAtomic: {
      const Borrowed inner(*this);
      for (const Thread each : lists_.copy(frame & ~kListFrame)) {
        if (advance(*inner, each, moment)) break;
      }
      return settle_atomic(closure, address_of(t), *inner, place);
    }
    default:
      return false;
  }
}

// A thread inside of an atomic group waits at it, with the list of the group's own threads as its frame.
bool Scanner::enter_atomic(Closure& closure, Thread t, const Place& place) {
  const Borrowed inner(*this);
  if ((frame_of(t) & kListFrame) == 0) {
    close(*inner, thread(tables_.atomics[at(t).a], 0), place);
  } else {
    for (const Thread each : lists_.copy(frame_of(t) & ~kListFrame)) {
      if (close(*inner, each, place)) break;
    }
  }
  return settle_atomic(closure, address_of(t), *inner, place);
}

bool Scanner::settle_atomic(Closure& closure, Address atomic, const Closure& inner, const Place& place) {
  std::vector<Thread> preferred = inner.out;
  if (inner.matched) preferred.pop_back();
  bool is_found = inner.matched;
  if (is_found && !preferred.empty()) {
    // It is what the group finds unless a preferred way matches later.
    Moment& moment = place.moment;
    moment.looked_ = true;
    if (place.is_before) {
      is_found = !any_matches(preferred, moment);
    } else {
      is_found = !moment.assumptions_.will_match(interned_set(preferred));
      moment.assumed_ = true;
    }
  }
  if (is_found) {
    const bool is_empty = at(inner.out.back()).a == 0;
    return close(closure, thread(is_empty ? tables_.program[atomic].c : tables_.program[atomic].b, 0), place);
  }
  if (!preferred.empty()) {
    const Thread waiting = thread(atomic, kListFrame | lists_.intern(preferred));
    if (closure.framed.insert(waiting | kWaiting).second) closure.out.push_back(waiting);
  }
  return false;
}

bool Scanner::holds_ahead(std::uint32_t look, std::uint32_t frame, Moment& moment) {
  for (const Moment::Ahead& known : moment.ahead_) {
    if (known.look != look || known.frame != frame) continue;
    moment.assumed_ |= known.is_assumed;
    return known.holds;
  }
  const bool assumed_before = moment.assumed_;
  moment.assumed_ = false;
  bool holds = false;
  {
    const Borrowed closure(*this);
    holds = close(*closure, thread(tables_.looks[look].entry, frame), {moment.behind_before_, moment, true}) ||
            any_matches(closure->out, moment);
  }
  moment.ahead_.push_back({look, frame, holds, moment.assumed_});
  moment.assumed_ |= assumed_before;
  return holds;
}

bool Scanner::any_matches(const std::vector<Thread>& threads, Moment& moment) {
  const Borrowed closure(*this);
  for (const Thread t : threads) {
    if (advance(*closure, t, moment)) return true;
  }
  if (closure->out.empty()) return false;
  moment.assumed_ = true;
  return moment.assumptions_.will_match(interned_set(closure->out));
}

ListId Scanner::interned_set(std::vector<Thread> threads) {
  std::sort(threads.begin(), threads.end());
  return lists_.intern(threads);
}

// --- History -----------------------------------------------------------------------------------------------------

HistoryId Scanner::first_history() {
  if (behinds_.empty()) return kNoThreads;
  Assumptions none({});
  Moment moment(*this, kNoThreads, kEndOfText, none);
  std::vector<Answer> answers(tables_.looks.size(), Answer::kNo);
  const Borrowed closure(*this, false);
  for (const std::uint32_t look : behinds_) close_behind(*closure, look, answers, moment);
  return interned_history(closure->out);
}

void Scanner::close_behind(Closure& closure, std::uint32_t look, std::vector<Answer>& answers, Moment& moment) {
  const std::size_t begin = closure.out.size();
  close(closure, thread(tables_.looks[look].entry, 0), {&answers, moment, false});
  const Answer found = answer(closure.out.data() + begin, closure.out.data() + closure.out.size());
  if (answers[look] != Answer::kYes && found != Answer::kNo) answers[look] = found;
}

Scanner::Answer Scanner::answer(const Thread* begin, const Thread* end) const {
  Answer found = Answer::kNo;
  for (const Thread* t = begin; t != end; ++t) {
    if (at(*t).op == Op::kMatch) return Answer::kYes;
    if (at(*t).op == Op::kLook) found = Answer::kOpen;
  }
  return found;
}

const std::vector<Scanner::Answer>* Scanner::answers(HistoryId history) {
  const auto [known, is_new] = answers_.try_emplace(history);
  if (is_new) {
    const auto types = static_cast<std::uint32_t>(tables_.ignored.size());
    known->second.assign(tables_.looks.size(), Answer::kNo);
    for (const Thread* t = lists_.begin(history); t != lists_.end(history); ++t) {
      Answer& look = known->second[owner_[address_of(*t)] - types];
      if (look != Answer::kYes && answer(t, t + 1) != Answer::kNo) look = answer(t, t + 1);
    }
  }
  return &known->second;
}

HistoryId Scanner::interned_history(std::vector<Thread> threads) {
  // Inner look-behinds first, as they must be answered.
  std::sort(threads.begin(), threads.end(), [this](Thread a, Thread b) {
    const std::uint32_t left = owner_[address_of(a)];
    const std::uint32_t right = owner_[address_of(b)];
    return left != right ? left < right : a < b;
  });
  return lists_.intern(threads);
}

Scanner::Moment::Moment(Scanner& scanner, HistoryId before, CodePoints::Class next, Assumptions& assumptions)
    : next_(next), before_(before), after_(before), assumptions_(assumptions) {
  if (scanner.behinds_.empty()) return;
  behind_before_ = behind_after_ = scanner.answers(before);
  scanner.step_history(*this);
}

void Scanner::step_history(Moment& moment) {
  const auto types = static_cast<std::uint32_t>(tables_.ignored.size());
  if (const HistoryId* known = histories_.find(key(moment.before_, moment.next_))) {
    moment.after_ = *known;
    moment.behind_after_ = answers(moment.after_);
    return;
  }
  std::vector<Thread> threads = lists_.copy(moment.before_);
  const bool is_open = std::any_of(threads.begin(), threads.end(), [this](Thread t) { return at(t).op == Op::kLook; });
  if (is_open) {
    // Look-aheads inside of look-behinds are settled now that the next character is known.
    moment.settled_before_ = *moment.behind_before_;
    moment.behind_before_ = &moment.settled_before_;
    const Borrowed closure(*this, false);
    for (std::size_t i = 0; i < threads.size();) {
      const std::uint32_t owner = owner_[address_of(threads[i])];
      const std::size_t begin = closure->out.size();
      for (; i < threads.size() && owner_[address_of(threads[i])] == owner; ++i) {
        close(*closure, threads[i], {moment.behind_before_, moment, true});
      }
      moment.settled_before_[owner - types] =
          answer(closure->out.data() + begin, closure->out.data() + closure->out.size());
    }
    threads = closure->out;
    moment.history_is_assumed_ = moment.assumed_;
  }
  if (moment.next_ == kEndOfText) return;
  moment.made_after_.assign(tables_.looks.size(), Answer::kNo);
  moment.behind_after_ = &moment.made_after_;
  const Borrowed closure(*this, false);
  std::size_t i = 0;
  for (const std::uint32_t look : behinds_) {
    const std::size_t begin = closure->out.size();
    for (; i < threads.size() && owner_[address_of(threads[i])] == types + look; ++i) {
      advance(*closure, threads[i], moment);
    }
    moment.made_after_[look] = answer(closure->out.data() + begin, closure->out.data() + closure->out.size());
    close_behind(*closure, look, moment.made_after_, moment);
  }
  moment.after_ = interned_history(closure->out);
  if (!is_open) histories_.insert(key(moment.before_, moment.next_), moment.after_);
}

// --- Tokens ------------------------------------------------------------------------------------------------------

ListId Scanner::begin(std::uint32_t lexer, Moment& moment) { return remembered_scan(kBeginning | lexer, moment).next; }

Scanner::Scan Scanner::scan(ListId list, Moment& moment) { return remembered_scan(list, moment); }

Scanner::Scan Scanner::remembered_scan(ListId list, Moment& moment) {
  const auto found = [](const Remembered& r) {
    return Scan{r.matched == 0 ? std::nullopt : std::optional<Type>(r.matched - 1), r.next};
  };
  const Remembered* known = scans_.find(key(list, moment.next_));
  if (known != nullptr && !known->looked) return found(*known);
  std::uint32_t looked = 0;
  if (known != nullptr && !moment.history_is_assumed_) {
    looked = looked_.intern({list, moment.next_, moment.before_, moment.after_});
    if (looked_scans_.size() <= looked) looked_scans_.resize(looked + 1);
    if (looked_scans_[looked].is_known) return found(looked_scans_[looked]);
  }
  moment.looked_ = moment.assumed_ = false;
  const Scan made = make_scan(list, moment);
  const Remembered remembered{made.matched ? *made.matched + 1 : 0, made.next, true, moment.looked_};
  if (known == nullptr) {
    scans_.insert(key(list, moment.next_), remembered);
  } else if (!moment.assumed_ && !moment.history_is_assumed_) {
    looked_scans_[looked] = remembered;
  }
  return made;
}

Scanner::Scan Scanner::make_scan(ListId list, Moment& moment) {
  const Place place{moment.behind_before_, moment, true};
  const Borrowed before(*this);
  std::vector<Thread> keywords;
  if ((list & kBeginning) != 0) {
    const Lexer& lexer = tables_.lexers[list & ~kBeginning];
    for (const Pattern& pattern : lexer.terminals) {
      if (close(*before, thread(pattern.entry, 0), place)) break;
    }
    const Borrowed closure(*this, false);
    for (const Unless& unless : lexer.unless) {
      for (const Pattern& keyword : unless.keywords) close(*closure, thread(keyword.entry, 0), place);
    }
    keywords = closure->out;
  } else {
    const std::vector<Thread> threads = lists_.copy(list);
    const auto separator = std::find(threads.begin(), threads.end(), kKeywords);
    for (auto t = threads.begin(); t != separator; ++t) {
      if (close(*before, *t, place)) break;
    }
    if (separator != threads.end()) keywords.assign(separator + 1, threads.end());
  }
  Scan made;
  if (before->matched) made.matched = at(before->out.back()).a;
  made.next = make_next(*before, keywords, moment);
  return made;
}

ListId Scanner::make_next(Closure& before, const std::vector<Thread>& keywords, Moment& moment) {
  const Borrowed closure(*this);
  for (const Thread t : before.out) {
    if (advance(*closure, t, moment)) break;
  }
  std::vector<Thread> threads = closure->out;
  const bool may_be_keyword = std::any_of(threads.begin(), threads.end(), [this](Thread t) {
    const std::uint32_t owner = owner_[address_of(t)];
    return owner < has_keywords_.size() && has_keywords_[owner];
  });
  if (may_be_keyword && !keywords.empty()) {
    const Borrowed following(*this, false);
    for (const Thread t : keywords) advance(*following, t, moment);
    if (!following->out.empty()) {
      threads.push_back(kKeywords);
      std::sort(following->out.begin(), following->out.end());
      threads.insert(threads.end(), following->out.begin(), following->out.end());
    }
  }
  return lists_.intern(threads);
}

Type Scanner::resolve(ListId list, std::uint32_t lexer, Type type) const {
  const Thread* const end = lists_.end(list);
  const Thread* const keywords = std::find(lists_.begin(list), end, kKeywords);
  if (keywords == end) return type;
  const auto is_whole = [&](const Pattern& keyword) {
    return std::any_of(keywords + 1, end, [&](Thread t) { return at(t).op == Op::kMatch && at(t).a == keyword.type; });
  };
  for (const Unless& unless : tables_.lexers[lexer].unless) {
    if (unless.type != type) continue;
    const auto found = std::find_if(unless.keywords.begin(), unless.keywords.end(), is_whole);
    if (found != unless.keywords.end()) return found->type;
  }
  return type;
}

Scanner::Answer Scanner::follow(ListId list, Moment& moment, ListId& next) {
  const Borrowed before(*this);
  for (const Thread t : lists_.copy(list)) {
    if (close(*before, t, {moment.behind_before_, moment, true})) return Answer::kYes;
  }
  const Borrowed closure(*this);
  for (const Thread t : before->out) {
    if (advance(*closure, t, moment)) return Answer::kYes;
  }
  if (closure->out.empty()) return Answer::kNo;
  next = interned_set(closure->out);
  return Answer::kOpen;
}

const std::vector<Type>& Scanner::types(ListId list) {
  if (types_.size() <= list) types_.resize(lists_.size());
  std::unique_ptr<std::vector<Type>>& known = types_[list];
  if (known == nullptr) {
    known = std::make_unique<std::vector<Type>>();
    for (const Thread* t = lists_.begin(list); t != lists_.end(list) && *t != kKeywords; ++t) {
      const Type type = owner_[address_of(*t)];
      if (std::find(known->begin(), known->end(), type) == known->end()) known->push_back(type);
    }
    types_bytes_ += sizeof(*known) + known->capacity() * sizeof(Type);
  }
  return *known;
}

bool Scanner::is_covered(ListId list, std::unordered_set<Thread>& seen) const {
  bool covered = true;
  for (const Thread* t = lists_.begin(list); t != lists_.end(list) && *t != kKeywords; ++t) {
    covered &= !seen.insert(*t).second;
  }
  return covered;
}

std::size_t Scanner::memory_bytes() const {
  std::size_t bytes = captures_.memory_bytes() + lists_.memory_bytes() + histories_.memory_bytes() +
                      scans_.memory_bytes() + looked_.memory_bytes() + looked_scans_.capacity() * sizeof(Remembered) +
                      types_.capacity() * 8 + types_bytes_;
  bytes += answers_.size() * (64 + tables_.looks.size());
  bytes += closures_.size() * tables_.program.size() * sizeof(std::uint32_t);
  return bytes;
}

}  // namespace tamis::lark
