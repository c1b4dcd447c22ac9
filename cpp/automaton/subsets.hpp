// Lazy subset construction over the positions of the NFA: the regular part of the automaton.
//
// A position is a state, how far into a character of it we are, and a frame (counters, combinations) that says under
// which counts it was reached.  Not thread-safe: the automaton calls it under its lock.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "interner.hpp"
#include "nfa.hpp"

namespace tamis {

// The automaton grew past its budget while it was in use; nothing is wrong with the caller's input as such.
struct LimitError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Bytes that no machine of an NFA tells apart.
struct ByteClasses {
  ByteClasses() = default;
  explicit ByteClasses(const Nfa& nfa);
  std::array<std::uint8_t, 256> of{};
  std::vector<std::uint8_t> representative;
  std::size_t count() const { return representative.size(); }
};

using SubsetId = std::uint32_t;

// The automaton, as the operands of combinations see it that call rules.  Numbers are its states; kGone: no longer
// possible.
class NestedStates {
 public:
  static constexpr std::uint32_t kGone = 0xFFFFFFFFU;
  virtual std::uint32_t nested_start(Nfa::StateId state) = 0;
  virtual std::uint32_t nested_step(std::uint32_t state, std::size_t byte_class) = 0;
  virtual std::uint32_t nested_end_token(std::uint32_t state) = 0;
  virtual bool nested_complete(std::uint32_t state) const = 0;

 protected:
  ~NestedStates() = default;
};

class Subsets {
 public:
  static constexpr SubsetId kEmpty = 0;

  struct Call {
    RuleId rule;
    SubsetId returns_to;
  };
  struct Info {
    bool final = false;     // a rule ends here
    bool consumes = false;  // some byte may follow before any rule ends or is called
    bool only_final = false;
    bool unentered = false;  // has combinations that are left for `entered`
    bool stepwise = false;   // a step may be costly (it takes operands along that are not regular throughout)
    bool calls_known = false;
    std::vector<Call> calls;
    std::optional<SubsetId> entered;
  };

  Subsets(Nfa& nfa, const ByteClasses& classes, NestedStates& nested);

  SubsetId start_of(Nfa::StateId state);
  SubsetId step(SubsetId subset, std::size_t byte_class);
  // What is left when a token has ended: combinations that count tokens have counted it, or are gone.
  SubsetId end_token(SubsetId subset);
  SubsetId unite(SubsetId a, SubsetId b);
  const Info& info(SubsetId subset) const { return infos_[subset]; }
  const std::vector<Call>& calls(SubsetId subset);

  // What a rule returns to, once it has: its combinations are entered only then.
  SubsetId entered(SubsetId subset);

  // Reads characters of one machine, up to `most` of them, and what follows does not depend on which; no byte that
  // begins such a character leads anywhere else.
  struct Loop {
    std::uint32_t machine;
    std::uint32_t most;
    bool steady;  // after one or more of them, what else may follow does not depend on how many
  };
  static constexpr std::uint32_t kEndless = 0xFFFFFFFFU;
  std::optional<Loop> loop(SubsetId subset);

  // The bytes that may come next; any, where there are combinations.
  std::bitset<256> first_bytes(SubsetId subset) const { return first_bytes(subset, {}); }

  // Whether combination b (an index into nfa.booleans) has a member; true where that takes too long to find out.
  bool has_member(std::uint32_t combination);

  std::size_t size() const { return subsets_.size(); }
  std::size_t memory_bytes() const;

 private:
  using Position = std::uint64_t;  // frame : 24 | machine state : 12 | NFA state : 28
  using FrameId = std::uint32_t;
  using TupleId = std::uint32_t;
  enum class Answer : std::uint8_t { kUnknown, kNo, kYes };
  static constexpr TupleId kNoTuple = 0xFFFFFFFFU;
  static constexpr std::uint32_t kFree = 0xFFFFFFFEU;  // an operand that is left out of account

  static Position position(Nfa::StateId state, std::uint32_t machine_state, FrameId frame);
  static Nfa::StateId state_of(Position p) { return static_cast<Nfa::StateId>(p & 0xFFFFFFFU); }
  static std::uint32_t machine_state_of(Position p) { return static_cast<std::uint32_t>((p >> 28) & 0xFFFU); }
  static FrameId frame_of(Position p) { return static_cast<FrameId>(p >> 40); }

  bool is_unentered(Position p) const {
    return nfa_.states[state_of(p)].kind == Nfa::Kind::kBoolean && machine_state_of(p) == 0;
  }

  class Collector;

  std::optional<Loop> find_loop(SubsetId subset);
  std::optional<Loop> loop_of_characters(SubsetId subset, std::uint32_t machine);
  std::optional<Loop> loop_of_combination(SubsetId subset, Position p);
  std::optional<Loop> loop_of_tuple(TupleId tuple);
  bool leaves_alone(SubsetId subset, const std::vector<Position>& own, std::uint32_t machine) const;
  std::bitset<256> first_bytes(SubsetId subset, const std::vector<Position>& without) const;
  SubsetId closure(Position p, bool enter = true);
  // Where a position leads: a position to be added, or a combination that has come on.
  struct Target {
    Position position;
    TupleId tuple = kNoTuple;
    bool operator==(const Target&) const = default;
  };
  SubsetId collected(const std::vector<Target>& targets);
  SubsetId make_step(SubsetId subset, std::size_t byte_class);
  void make_row(SubsetId subset);
  Position after_byte(Position p, ByteMachine::State machine_state) const;

  SubsetId interned(const std::vector<Position>& positions);

  FrameId frame(FrameId parent, std::uint32_t value);
  TupleId tuple_start(std::uint32_t combination);
  TupleId tuple_step(TupleId tuple, std::size_t byte_class);
  TupleId tuple_end_token(TupleId tuple);
  TupleId interned_tuple(const std::vector<std::uint32_t>& tuple);
  bool accepts(TupleId tuple) const;
  bool can_continue(TupleId tuple);
  TupleId decidable_part(TupleId tuple);
  std::vector<std::uint32_t> ways_on(TupleId tuple);

  Nfa& nfa_;
  const ByteClasses& classes_;
  NestedStates& nested_;
  std::vector<std::unique_ptr<Machine>> machines_;

  Interner<Position> subsets_;
  std::vector<Info> infos_;
  std::unordered_map<SubsetId, std::optional<Loop>> loops_;
  std::vector<std::vector<SubsetId>> steps_;  // per subset, empty until first used
  std::size_t step_rows_ = 0;
  std::unordered_map<std::uint64_t, SubsetId> unions_;
  std::unordered_map<SubsetId, SubsetId> token_ends_;

  Interner<std::uint32_t> frames_;  // (parent, count or tuple)
  Interner<std::uint32_t> tuples_;  // (combination, subset per operand)
  std::vector<Answer> continues_;   // per tuple
  std::vector<TupleId> tuple_starts_;

  std::vector<std::uint32_t> seen_plain_;  // per NFA state: the last collection that met it without a frame
  std::uint32_t collections_ = 0;
  std::size_t work_ = 0;  // positions collected so far
};

}  // namespace tamis
