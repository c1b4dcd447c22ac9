#include "machine.hpp"

#include <algorithm>
#include <stdexcept>

#include "../automaton/subsets.hpp"

namespace tamis::lark {

namespace {

constexpr std::size_t kMaxBranches = 256;
constexpr std::size_t kMaxItems = 10'000;
constexpr std::size_t kMaxRules = 64;  // told of those under way
constexpr std::uint32_t kStartFlag = 0x80000000U;

std::uint64_t key(std::uint32_t high, std::uint32_t low) { return std::uint64_t{high} << 32 | low; }

bool same(const std::vector<Assumptions::Assumption>& a, const std::vector<Assumptions::Assumption>& b,
          std::size_t but_for) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].list != b[i].list || (i != but_for && a[i].matches != b[i].matches)) return false;
  }
  return true;
}

}  // namespace

LarkSource::LarkSource(Tables tables)
    : tables_(std::move(tables)), characters_((tables_.validate(), tables_.sets), tables_.captured) {}

std::unique_ptr<Machine> LarkSource::make() const { return std::make_unique<LarkMachine>(tables_, characters_); }

bool LarkSource::accepts_empty() const {
  LarkMachine machine(tables_, characters_);
  return machine.is_complete(machine.start());
}

LarkMachine::LarkMachine(const Tables& tables, const CodePoints& characters)
    : tables_(tables),
      characters_(characters),
      scanner_(tables, characters),
      parser_(tables),
      may_be_newline_(tables.ignored.size()) {
  if (tables.indenter) {
    line_feed_ = characters.class_of('\n');
    space_ = characters.class_of(' ');
    tab_ = characters.class_of('\t');
    const Type newline = tables.indenter->newline;
    may_be_newline_[newline] = true;
    for (const Lexer& lexer : tables.lexers) {
      for (const Unless& unless : lexer.unless) {
        for (const Pattern& keyword : unless.keywords) {
          if (keyword.type == newline) may_be_newline_[unless.type] = true;
        }
      }
    }
  }
  sets_.intern({});  // kNoBranch
  Branch start;
  start.history = scanner_.first_history();
  start.items.push_back({parser_.start(), kNoThreads, 0});
  start.is_start = true;
  start_ = interned(std::vector<Branch>{start});
}

Machine::State LarkMachine::state(SetId branches, CodePoints::Place place) {
  if (const State* known = state_ids_.find(key(branches, place))) return *known;
  const auto id = static_cast<State>(states_.size());
  states_.push_back({branches, place});
  state_ids_.insert(key(branches, place), id);
  return id;
}

Machine::State LarkMachine::step(State from, std::uint8_t byte) {
  const Numbered now = states_[static_cast<std::size_t>(from)];
  const CodePoints::Reading reading = characters_.read(now.place, byte);
  if (reading.kind == CodePoints::Reading::Kind::kComplete) {
    const SetId next = step_character(now.branches, reading.value);
    return next == kNoBranch ? kDead : state(next, CodePoints::kBoundary);
  }
  if (reading.kind == CodePoints::Reading::Kind::kInside) {
    for (const CodePoints::Class c : characters_.possible(reading.value)) {
      if (step_character(now.branches, c) != kNoBranch) return state(now.branches, reading.value);
    }
  }
  return kDead;
}

bool LarkMachine::is_complete(State at) {
  const Numbered now = states_[static_cast<std::size_t>(at)];
  if (now.place != CodePoints::kBoundary) return false;
  for (const BranchId branch : sets_.copy(now.branches)) {
    if (completes(decoded(branch))) return true;
  }
  return false;
}

LarkMachine::SetId LarkMachine::step_character(SetId branches, CodePoints::Class next) {
  if (const SetId* known = steps_.find(key(branches, next))) return *known;
  std::vector<Branch> out;
  for (const BranchId branch : sets_.copy(branches)) step_branch(decoded(branch), next, out);
  merge(out);
  const SetId made = interned(std::move(out));
  steps_.insert(key(branches, next), made);
  return made;
}

void LarkMachine::step_branch(const Branch& branch, CodePoints::Class next, std::vector<Branch>& out) {
  std::optional<std::vector<bool>> answers = std::vector<bool>{};
  while (answers) {
    Assumptions assumptions(*answers);
    Scanner::Moment moment(scanner_, branch.history, next, assumptions);
    Branch made;
    if (step_obligations(branch, moment, assumptions) && step_items(branch, moment, next, made)) {
      made.history = moment.after();
      made.obligations = assumptions.taken();
      std::sort(made.obligations.begin(), made.obligations.end(),
                [](const auto& a, const auto& b) { return a.list < b.list; });
      if (is_viable(made)) out.push_back(std::move(made));
      if (out.size() > kMaxBranches) throw LimitError("too many look-aheads are open at once");
    }
    answers = assumptions.next_answers();
  }
}

bool LarkMachine::step_obligations(const Branch& branch, Scanner::Moment& moment, Assumptions& assumptions) {
  for (const auto& [list, matches] : branch.obligations) {
    ListId next = kNoThreads;
    const Scanner::Answer answer = scanner_.follow(list, moment, next);
    if (answer == Scanner::Answer::kOpen ? !assumptions.add(next, matches)
                                         : (answer == Scanner::Answer::kYes) != matches) {
      return false;
    }
  }
  return true;
}

bool LarkMachine::step_items(const Branch& branch, Scanner::Moment& moment, CodePoints::Class next, Branch& out) {
  const auto begin = [&](ContextId context) {
    const ListId list = scanner_.begin(parser_.lexer(context), moment);
    if (list != kNoThreads) out.items.push_back({context, list, indentation({context, list, 0}, list, next)});
  };
  for (const Item& item : branch.items) {
    if (branch.is_start) {
      begin(item.context);
      break;
    }
    const Scanner::Scan scan = scanner_.scan(item.list, moment);
    if (scan.next != kNoThreads) out.items.push_back({item.context, scan.next, indentation(item, scan.next, next)});
    if (scan.matched) {
      if (const std::optional<ContextId> context = behind(item, *scan.matched)) begin(*context);
      break;
    }
  }
  if (out.items.size() > 1) {
    // A piece is of no use if whatever would end it makes a piece before it match, too.
    std::unordered_set<Scanner::Thread> seen;
    std::erase_if(out.items, [&](const Item& item) { return scanner_.is_covered(item.list, seen); });
    if (out.items.size() > kMaxItems) throw LimitError("too many tokens are open at once");
  }
  return !out.items.empty();
}

Parser::Indentation LarkMachine::indentation(const Item& item, ListId list, CodePoints::Class next) {
  if (!tables_.indenter || !parser_.sees_newlines(item.context)) return 0;
  const std::vector<Type>& types = scanner_.types(list);
  if (std::none_of(types.begin(), types.end(), [this](Type type) { return may_be_newline_[type]; })) return 0;
  if (next == line_feed_) return 1;
  if (item.indentation == 0) return 0;
  return item.indentation + (next == space_ ? 1 : next == tab_ ? tables_.indenter->tab_length : 0);
}

std::optional<ContextId> LarkMachine::behind(const Item& item, Type matched) {
  if (tables_.ignored[matched]) return item.context;
  const Type type = scanner_.resolve(item.list, parser_.lexer(item.context), matched);
  return parser_.feed(item.context, type, item.indentation);
}

bool LarkMachine::is_viable(const Branch& branch) {
  for (const Item& item : branch.items) {
    for (const Type type : scanner_.types(item.list)) {
      if (may_become(item.context, type)) return true;
    }
  }
  return false;
}

bool LarkMachine::may_become(ContextId context, Type type) {
  if (tables_.ignored[type] || parser_.may_feed(context, type)) return true;
  for (const Unless& unless : tables_.lexers[parser_.lexer(context)].unless) {
    if (unless.type != type) continue;
    for (const Pattern& keyword : unless.keywords) {
      if (parser_.may_feed(context, keyword.type)) return true;
    }
  }
  return false;
}

bool LarkMachine::completes(const Branch& branch) {
  const std::optional<ContextId> context = behind_at_end(branch);
  return context && parser_.accepts(*context);
}

std::optional<ContextId> LarkMachine::behind_at_end(const Branch& branch) {
  if (branch.is_start) return branch.items[0].context;
  Assumptions assumptions({});
  Scanner::Moment moment(scanner_, branch.history, kEndOfText, assumptions);
  if (!step_obligations(branch, moment, assumptions)) return std::nullopt;
  for (const Item& item : branch.items) {
    const Scanner::Scan scan = scanner_.scan(item.list, moment);
    if (scan.matched) return behind(item, *scan.matched);
  }
  return std::nullopt;
}

Circumstances LarkMachine::describe(State at) {
  Circumstances found;
  if (tables_.type_names.empty()) return found;
  const auto expect = [&](Type type, const char* how) {
    const std::string name = tables_.type_names[type] + how;
    if (std::find(found.expected.begin(), found.expected.end(), name) == found.expected.end()) {
      found.expected.push_back(name);
    }
  };
  std::optional<ContextId> place;
  for (const BranchId id : sets_.copy(states_[static_cast<std::size_t>(at)].branches)) {
    const Branch branch = decoded(id);
    const std::optional<ContextId> next = behind_at_end(branch);
    if (!place) place = next ? *next : branch.items[0].context;
    for (const Item& item : branch.items) {
      if (branch.is_start) break;
      for (const Type type : scanner_.types(item.list)) {
        if (may_become(item.context, type)) expect(type, " (begun)");
      }
    }
    if (!next) continue;
    for (Type type = 0; type < tables_.type_names.size(); ++type) {
      if (type != tables_.end && (tables_.ignored[type] || parser_.may_feed(*next, type))) expect(type, "");
    }
  }
  if (place) found.rules = parser_.rules(*place, kMaxRules);
  return found;
}

// Two branches that differ in one assumption alone are one without it.
void LarkMachine::merge(std::vector<Branch>& branches) {
  const auto like = [](const Branch& a, const Branch& b) {
    return a.history == b.history && a.items.size() == b.items.size() &&
           std::equal(a.items.begin(), a.items.end(), b.items.begin(), [](const Item& x, const Item& y) {
             return x.context == y.context && x.list == y.list && x.indentation == y.indentation;
           });
  };
  const auto absorbs = [&](Branch& a, const Branch& b) {
    if (!like(a, b)) return false;
    for (std::size_t i = 0; i < a.obligations.size(); ++i) {
      if (!same(a.obligations, b.obligations, i)) continue;
      if (a.obligations[i].matches != b.obligations[i].matches) {
        a.obligations.erase(a.obligations.begin() + static_cast<std::ptrdiff_t>(i));
      }
      return true;
    }
    return a.obligations.empty() && b.obligations.empty();
  };
  for (bool changed = branches.size() > 1; changed;) {
    changed = false;
    for (std::size_t i = 0; i < branches.size() && !changed; ++i) {
      for (std::size_t j = i + 1; j < branches.size() && !changed; ++j) {
        if (!absorbs(branches[i], branches[j])) continue;
        branches.erase(branches.begin() + static_cast<std::ptrdiff_t>(j));
        changed = true;
      }
    }
  }
}

LarkMachine::SetId LarkMachine::interned(std::vector<Branch> branches) {
  std::vector<BranchId> ids;
  for (const Branch& branch : branches) ids.push_back(interned(branch));
  std::sort(ids.begin(), ids.end());
  return sets_.intern(ids);
}

LarkMachine::BranchId LarkMachine::interned(const Branch& branch) {
  std::vector<std::uint32_t> words = {branch.history, static_cast<std::uint32_t>(branch.obligations.size())};
  if (branch.is_start) words[1] |= kStartFlag;
  for (const auto& [list, matches] : branch.obligations) {
    words.push_back(list);
    words.push_back(matches ? 1 : 0);
  }
  for (const Item& item : branch.items) {
    words.push_back(item.context);
    words.push_back(item.list);
    words.push_back(item.indentation);
  }
  return branches_.intern(words);
}

LarkMachine::Branch LarkMachine::decoded(BranchId id) const {
  const std::uint32_t* word = branches_.begin(id);
  Branch branch;
  branch.history = *word++;
  branch.is_start = (*word & kStartFlag) != 0;
  branch.obligations.resize(*word++ & ~kStartFlag);
  for (auto& [list, matches] : branch.obligations) {
    list = *word++;
    matches = *word++ != 0;
  }
  for (; word != branches_.end(id); word += 3) branch.items.push_back({word[0], word[1], word[2]});
  return branch;
}

std::size_t LarkMachine::memory_bytes() const {
  return scanner_.memory_bytes() + parser_.memory_bytes() + branches_.memory_bytes() + sets_.memory_bytes() +
         steps_.memory_bytes() + states_.capacity() * sizeof(Numbered) + state_ids_.memory_bytes();
}

}  // namespace tamis::lark
