// A regular expression as instructions for the backtracking matcher: what no finite automaton can do is left in it
// (back-references, atomic groups, conditionals, recursion, look-around of any length).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "../grammar/ir.hpp"

namespace tamis::regex {

// Operands in the order a, b, c, d.  "Behind" reads from right to left, inside of look-behind.
enum class Op : std::uint8_t {
  kMatch,          // the end of the pattern
  kChar,           // one character of set a; b: behind
  kChars,          // characters of set a, between b and c of them (c < 0: no bound); d: kLazy | kPossessive | kBehind
  kSplit,          // go on behind this instruction, and if that fails at a; b: the other way round
  kJump,           // to a
  kOpen,           // a group begins (behind: ends)
  kClose,          // group a ends (behind: begins)
  kBackreference,  // what group a matched; b: kOptional | kBehind; c: fold, or -1
  kAssert,         // assertion a over set b; c: whether kNotBoundary holds in an empty text
  kIfGroup,        // group a has matched, else go to b
  kLook,  // what follows, to kLookEnd, is tried: then go to a, or if it fails to b (-1: fail); c: captures stay
  kLookEnd,
  kAtomic,  // what follows, to kAtomicEnd, has one way to match
  kAtomicEnd,
  kLoop,     // enter loop a
  kLoopEnd,  // a round of loop a ends
  kCall,     // the subroutine at a
  kReturn,
  kCommit,  // no way back; a: a search goes on from here
  kForget,  // group a has not matched
  kFail,
};
inline constexpr int kOps = static_cast<int>(Op::kFail) + 1;

inline constexpr std::int32_t kLazy = 1;
inline constexpr std::int32_t kPossessive = 2;
inline constexpr std::int32_t kOptional = 1;
inline constexpr std::int32_t kBehind = 4;

// As `nodes.Assertion` has them.
enum class AssertionKind : std::uint8_t {
  kStart,
  kEnd,
  kFinal,
  kLineStart,
  kLineEnd,
  kBoundary,
  kNotBoundary,
  kAhead,
  kNotAhead,
  kBehind,
  kNotBehind,
};
inline constexpr int kAssertions = static_cast<int>(AssertionKind::kNotBehind) + 1;

struct Instruction {
  Op op;
  std::int32_t a = 0;
  std::int32_t b = 0;
  std::int32_t c = 0;
  std::int32_t d = 0;
};

// What a round that matches nothing does: `re` and the regex package go on behind the loop, ECMA-262 fails; in the
// regex package a round that changed what a group matched counts as progress.
enum class EmptyRounds : std::uint8_t { kLeave, kLeaveUnlessCaptured, kFail };

struct Loop {
  std::int32_t least;
  std::int32_t most;  // < 0: unbounded
  bool lazy;
  EmptyRounds empty_rounds;
  std::int32_t body;  // the first instruction of a round
  std::int32_t exit;
};

// A set of code points with fast answers for ASCII.
class CodePoints {
 public:
  explicit CodePoints(CharSet ranges);
  bool contains(std::uint32_t code) const {
    if (code < 128) return ((ascii_[code >> 6] >> (code & 63)) & 1) != 0;
    return contains_beyond_ascii(code);
  }

 private:
  bool contains_beyond_ascii(std::uint32_t code) const;
  CharSet ranges_;
  std::array<std::uint64_t, 2> ascii_{};
};

// Characters that count as the same have the same folding, of one to three characters.
using Folding = std::u32string;
using Fold = std::unordered_map<char32_t, Folding>;  // characters that are missing fold to themselves

struct Program {
  std::vector<Instruction> code;
  std::vector<CodePoints> sets;
  std::vector<Loop> loops;
  std::vector<Fold> folds;
  std::int32_t groups = 0;  // their numbers are below
  bool search = false;      // match anywhere in the text, else all of it
  bool anchored = false;    // a search can only match at the beginning

  // Throws CompileError where an operand points to nothing.
  void check() const;
};

}  // namespace tamis::regex
