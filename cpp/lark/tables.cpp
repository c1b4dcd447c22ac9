#include "tables.hpp"

#include <algorithm>
#include <stdexcept>

namespace tamis::lark {

namespace {

void require(bool condition, const char* what) {
  if (!condition) throw std::invalid_argument(what);
}

}  // namespace

void Tables::validate() const {
  using Op = Instruction::Op;
  const auto is_address = [this](Address address) { return address < program.size(); };
  const auto is_type = [this](Type type) { return type < ignored.size(); };
  const auto are_patterns = [&](const std::vector<Pattern>& patterns) {
    return std::all_of(patterns.begin(), patterns.end(),
                       [&](const Pattern& p) { return is_type(p.type) && is_address(p.entry); });
  };
  require(program.size() < 0x7FFFFFFFU && lexers.size() < 0x7FFFFFFFU, "the program is too long");
  std::uint32_t groups = 0;
  for (const Instruction& i : program) {
    if (i.op == Op::kOpen) groups = std::max(groups, i.a + 1);
  }
  require(groups <= program.size(), "an instruction names no group");
  for (const Instruction& i : program) {
    require(i.op <= Op::kMatch, "an instruction has no such code");
    require(i.op == Op::kMatch || (is_address(i.b) && is_address(i.c)), "an instruction leads nowhere");
    switch (i.op) {
      case Op::kChar:
        require(i.a < sets.size(), "an instruction names no set");
        break;
      case Op::kSplit:
        require(is_address(i.a), "an instruction leads nowhere");
        break;
      case Op::kLook:
        require(i.a / 2 < looks.size(), "an instruction names no look-around");
        break;
      case Op::kAtomic:
        require(i.a < atomics.size(), "an instruction names no atomic group");
        break;
      case Op::kRepeat:
        require(i.a / 2 < groups, "an instruction names no group");
        break;
      case Op::kClose:
      case Op::kIsSet:
      case Op::kIsUnset:
        require(i.a < groups, "an instruction names no group");
        break;
      case Op::kOpen:
      case Op::kMatch:
        break;
    }
  }
  for (const Look& look : looks) require(is_address(look.entry), "a look-around begins nowhere");
  for (const Address entry : atomics) require(is_address(entry), "an atomic group begins nowhere");
  require(is_type(end), "the end of the text has no type");
  for (const Lexer& lexer : lexers) {
    require(are_patterns(lexer.terminals), "a terminal has no pattern");
    for (const Unless& unless : lexer.unless) {
      require(is_type(unless.type) && are_patterns(unless.keywords), "a keyword has no pattern");
    }
  }
  require(start_state < states.size() && end_state < states.size(), "the first or last state does not exist");
  for (const ParserState& state : states) {
    require(state.lexer < lexers.size(), "a state has no lexer");
    for (const auto& [type, action] : state.actions) {
      require(is_type(type), "an action has no type");
      require(static_cast<std::size_t>(action < 0 ? ~action : action) < (action < 0 ? rules.size() : states.size()),
              "an action leads nowhere");
    }
    for (const auto& [nonterminal, next] : state.gotos) require(next < states.size(), "a goto leads nowhere");
  }
  require(type_names.empty() || type_names.size() == ignored.size(), "a type has no name");
  require(state_rules.empty() || state_rules.size() == states.size(), "a state has no rules");
  if (indenter) {
    require(is_type(indenter->newline) && is_type(indenter->indent) && is_type(indenter->dedent) &&
                std::all_of(indenter->open.begin(), indenter->open.end(), is_type) &&
                std::all_of(indenter->close.begin(), indenter->close.end(), is_type),
            "the indenter names no type");
  }
}

}  // namespace tamis::lark
