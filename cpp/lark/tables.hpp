// What lark makes of a grammar, as plain tables: programs for its regular expressions, the lexer of each parser state,
// the LALR(1) parser, and how an indenter changes the tokens in between.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "code_points.hpp"

namespace tamis::lark {

// An address in the program.
using Address = std::uint32_t;
// A token's type: a terminal, declared ones and the end of the text included.
using Type = std::uint32_t;

// One instruction of the matcher, which prefers as a backtracking one does.
struct Instruction {
  enum class Op : std::uint8_t {
    kChar,     // one character of the set `a`, then `b`
    kSplit,    // `a` is preferred to `b`
    kLook,     // where the look-around a / 2 holds, or does not if a is odd, go on at `b`
    kAtomic,   // what the atomic group `a` finds first, then `b`, or `c` if that is empty
    kOpen,     // the group `a` begins, then `b`
    kClose,    // the group `a` ends, then `b`
    kRepeat,   // what the group a / 2 matched, ignoring case if a is odd, then `b`, or `c` if that is empty
    kIsSet,    // if the group `a` has matched, `b`
    kIsUnset,  // if not, `b`
    kMatch,    // a token of type `a`; in an atomic group 1, or 0 if what matched is empty; in a look-around anything
  } op;
  std::uint32_t a;
  Address b;
  Address c;
};

struct Look {
  Address entry;
  bool ahead;
};

struct Pattern {
  Type type;
  Address entry;
};

// A token that the lexer found may be a keyword: the first pattern that is its whole text gives it its type.
struct Unless {
  Type type;
  std::vector<Pattern> keywords;
};

// The lexer that lark uses in some states of the parser: terminals in the order of its alternation.
struct Lexer {
  std::vector<Pattern> terminals;
  std::vector<Unless> unless;
};

struct ParserState {
  std::uint32_t lexer;
  std::vector<std::pair<Type, std::int32_t>> actions;          // shift to a state, or ~ (reduce by a rule)
  std::vector<std::pair<std::uint32_t, std::uint32_t>> gotos;  // nonterminal, state
};

struct Rule {
  std::uint32_t origin;  // a nonterminal
  std::uint32_t length;
};

struct Indenter {
  Type newline, indent, dedent;
  std::vector<Type> open, close;
  std::uint32_t tab_length;
};

struct Tables {
  std::vector<CodePoints::Ranges> sets;
  CodePoints::Ranges captured;                                 // what groups that are referred to may match, sorted
  std::vector<std::pair<std::uint32_t, std::uint32_t>> folds;  // captured characters, and what they are without case
  std::vector<Instruction> program;
  std::vector<Look> looks;       // inner ones first
  std::vector<Address> atomics;  // where atomic groups begin
  std::vector<bool> ignored;     // per type
  std::vector<Lexer> lexers;
  std::vector<ParserState> states;
  std::vector<Rule> rules;
  std::uint32_t start_state, end_state;
  Type end;  // of the text
  std::optional<Indenter> indenter;
  // For diagnosis, none or all: of types; and of states the rules under way, with how many of their symbols were read.
  std::vector<std::string> type_names;
  std::vector<std::vector<std::pair<std::string, std::uint32_t>>> state_rules;

  // Throws std::invalid_argument where a number refers to nothing.
  void validate() const;
};

}  // namespace tamis::lark
