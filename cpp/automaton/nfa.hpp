// The grammar as a network of byte-level NFAs that call each other (a recursive transition network).
//
// Bounded repeats are counters and intersections are tuples of sub-automata, both held in the position, so that
// neither is unrolled before a string goes through it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "../grammar/ir.hpp"
#include "byte_machine.hpp"

namespace tamis {

struct Nfa {
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
  };
  using Boolean = std::vector<Operand>;  // all of them hold

  std::vector<State> states;
  std::vector<StateId> splits;
  std::vector<Counter> counters;
  std::vector<Boolean> booleans;
  std::vector<std::shared_ptr<const ByteMachine>> machines;
  std::vector<std::shared_ptr<const MachineSource>> sources;  // of the operands that are machines
  std::vector<StateId> rule_starts;                           // kFinal where a rule was inlined everywhere
  std::vector<std::uint32_t> rule_ranks;                      // a rule calls, at its start, only rules of higher rank
  StateId start = kFinal;

  std::size_t memory_bytes() const;
};

// The grammar must have gone through passes().  Throws CompileError beyond max_states.
Nfa build_nfa(const Grammar& grammar, std::size_t max_states);

// Drops what cannot reach the end, given which combinations have a member: alive[s] says whether state s leads to the
// end of its rule.  Rules whose start is not alive accept nothing.
std::vector<bool> alive_states(const Nfa& nfa, const std::vector<bool>& boolean_alive);

}  // namespace tamis
