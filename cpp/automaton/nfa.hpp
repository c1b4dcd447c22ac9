// The grammar as a network of byte-level NFAs that call each other (a recursive transition network).
//
// Bounded repeats are counters and intersections are tuples of sub-automata, both held in the position, so that
// neither is unrolled before a string goes through it.  States are built when a string first comes near them.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <stdexcept>
#include <vector>

#include "../grammar/ir.hpp"
#include "byte_machine.hpp"

namespace tamis {

// The automaton grew past its budget while it was in use; nothing is wrong with the caller's input as such.
struct LimitError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Nfa {
 public:
  using StateId = std::uint32_t;
  static constexpr StateId kFinal = 0;  // the end of every rule and of every operand

  enum class Kind : std::uint8_t {
    kFinal,
    kChars,    // one character of machine a, then state b
    kSplit,    // any of splits[a .. a + b)
    kCall,     // rule a, then state b
    kEnter,    // start counter a
    kHead,     // counter a: leave it or go round once more
    kNext,     // counter a went round once
    kBoolean,  // combination a, then state b
    kLater,    // node a, then state b: not built before it is reached
  };
  struct State {
    Kind kind;
    std::uint32_t a = 0;
    std::uint32_t b = 0;
  };
  struct Counter {
    std::int32_t min;
    std::int32_t max;  // < 0: unbounded
    StateId head;
    StateId body;
    StateId exit;
  };
  // How far an operand of a combination has come is a subset if it calls no rule, else a state of the automaton
  // started at it, or a state of a machine.
  enum class OperandKind : std::uint8_t { kRegular, kGrammar, kMachine };
  struct Operand {
    OperandKind kind;
    std::uint32_t start;  // an NFA state, or the number of a machine
    bool negated;
    bool finite;     // as a language, as far as is easily seen
    bool decidable;  // regular, and so are all operands of combinations in it: a finite search knows its members
    NodeId node;
  };
  using Boolean = std::vector<Operand>;  // all of them hold

  // The grammar must have gone through its passes.  Throws CompileError beyond max_states.
  Nfa(std::shared_ptr<const Grammar> grammar, std::size_t max_states);
  ~Nfa();

  // These may make states: references into `states` and `splits` end with them, those into deques do not.  They throw
  // LimitError beyond max_states, and for what cannot be built.
  StateId rule_start(RuleId rule);
  void build_later(StateId state);         // a kLater becomes a kSplit
  std::uint32_t combination(NodeId node);  // an index into booleans

  const Grammar& grammar() const { return *grammar_; }
  std::size_t memory_bytes() const;

  std::vector<State> states;
  std::vector<StateId> splits;
  std::deque<Counter> counters;
  std::deque<Boolean> booleans;
  std::vector<std::shared_ptr<const ByteMachine>> machines;
  std::vector<std::uint32_t> rule_ranks;  // a rule calls, at its start, only rules of higher rank
  // Per state the labelled rule that it belongs to, or kNoRule; empty in a grammar without labels.
  static constexpr RuleId kNoRule = 0xFFFFFFFFU;
  std::vector<RuleId> owners;
  StateId start = kFinal;

 private:
  class Compiler;

  std::shared_ptr<const Grammar> grammar_;
  std::vector<StateId> rule_starts_;  // kFinal until built
  std::unique_ptr<Compiler> compiler_;
};

}  // namespace tamis
