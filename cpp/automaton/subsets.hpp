// Lazy subset construction over the positions of the NFA: the regular part of the automaton.
//
// A position is a state, how far into a character of it we are, and a frame (counters, combinations) that says under
// which counts it was reached.  Not thread-safe: the automaton calls it under its lock.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "../flat_map.hpp"
#include "interner.hpp"
#include "nfa.hpp"
#include "ways.hpp"

namespace tamis {

// Bytes that no machine of an NFA tells apart.
struct ByteClasses {
  ByteClasses() = default;
  explicit ByteClasses(const Nfa& nfa);
  std::array<std::uint8_t, 256> of{};
  std::vector<std::uint8_t> representative;
  std::size_t count() const { return representative.size(); }
};

using SubsetId = std::uint32_t;

// Reads characters of one set, up to `most` of them, and what follows does not depend on which.  No other character
// that begins with a byte of theirs is read in front of them, unless their number has no end: then it is, and is read
// behind them, too.
struct CharacterLoop {
  static constexpr std::uint32_t kEndless = 0xFFFFFFFFU;
  std::shared_ptr<const ByteMachine> characters;
  std::uint32_t most;
  bool steady;              // after one or more of them, what else may follow does not depend on how many
  bool alone;               // and already now: nothing that stands beside the loop is over with the first of them
  bool ends_later = false;  // the rule may end, or call another, after some of them, though it may not yet

  // Takes out the characters that begin with these bytes; whether enough is left.
  bool leave_out(const std::bitset<256>& bytes);
};

// The automaton, as the operands of combinations see it that call rules.  Numbers are its states; kGone: no longer
// possible.
class NestedStates {
 public:
  static constexpr std::uint32_t kGone = 0xFFFFFFFFU;
  virtual std::uint32_t nested_start(Nfa::StateId state) = 0;
  virtual std::uint32_t nested_step(std::uint32_t state, std::size_t byte_class) = 0;
  virtual std::uint32_t nested_end_token(std::uint32_t state) = 0;
  virtual bool nested_complete(std::uint32_t state) const = 0;
  virtual std::optional<CharacterLoop> nested_loop(std::uint32_t state) = 0;
  virtual std::shared_ptr<const ByteMachine> nested_wide(std::uint32_t state) = 0;  // see Subsets::wide

 protected:
  ~NestedStates() = default;
};

class Subsets {
 public:
  static constexpr SubsetId kEmpty = 0;
  static constexpr std::uint32_t kFreeComponent = 0xFFFFFFFEU;  // an operand that is left out of account

  struct Call {
    RuleId rule;
    SubsetId returns_to;
  };
  struct Info {
    bool final = false;     // a rule ends here
    bool consumes = false;  // some byte may follow before any rule ends or is called
    bool only_final = false;
    bool stays = false;      // consumes, and no rule ends or is called before
    bool unentered = false;  // has combinations that are left for `entered`
    bool stepwise = false;   // a step may be costly (it takes operands along that are not regular throughout)
    bool calls_known = false;
    std::vector<Call> calls;
    std::optional<SubsetId> entered;
  };

  Subsets(Nfa& nfa, const ByteClasses& classes, NestedStates& nested);

  SubsetId start_of(Nfa::StateId state);
  SubsetId step(SubsetId subset, std::size_t byte_class);
  // The byte classes that lead to the same place have the same number; those with number 0 lead nowhere.
  const std::vector<std::uint16_t>& ways(SubsetId subset) { return row(subset).ways->of; }
  // The byte classes that have the number of this one.
  std::span<const std::uint8_t> alike(SubsetId subset, std::size_t byte_class) {
    const Partition& ways = *row(subset).ways;
    const std::size_t way = ways.of[byte_class];
    return {ways.classes.data() + ways.first[way], ways.classes.data() + ways.first[way + 1]};
  }
  // What is left when a token has ended: combinations that count tokens have counted it, or are gone.
  SubsetId end_token(SubsetId subset);
  SubsetId unite(SubsetId a, SubsetId b);
  const Info& info(SubsetId subset) const { return infos_[subset]; }
  const std::vector<Call>& calls(SubsetId subset);

  // What a rule returns to, once it has: its combinations are entered only then.
  SubsetId entered(SubsetId subset);

  std::optional<CharacterLoop> loop(SubsetId subset);
  // Whether the subset, which makes the loop, is surely alive after so many of its characters; false where that is not
  // known without reading them.
  bool lives_ahead(SubsetId subset, const CharacterLoop& loop, std::uint32_t characters);
  // Takes out of the loop what the subset reads, too; whether enough is left.
  bool leave_to(SubsetId subset, CharacterLoop& loop) { return leave_to(subset, {}, loop); }
  // Characters of which the subset reads any number, whichever they are; where they lead may depend on it.  None: null.
  std::shared_ptr<const ByteMachine> wide(SubsetId subset);

  // Whether combination b (an index into nfa.booleans) has a member; true where that takes too long to find out, and
  // from then on for all that it may become.
  bool has_member(std::uint32_t combination);

  std::size_t size() const { return subsets_.size(); }
  std::size_t memory_bytes() const;

  // For diagnosis: a position, with the labelled rule that it belongs to and the bytes that may come there; and of a
  // combination how far each operand has come (a subset, a nested state or a state of a machine).
  struct Live {
    RuleId owner;
    std::bitset<256> bytes;
    bool bounded = true;  // false: which bytes may come would take too long to find out
    std::optional<std::uint32_t> combination;
    std::vector<std::uint32_t> components;
  };
  std::vector<Live> live(SubsetId subset);
  std::vector<RuleId> owners(SubsetId subset) const;
  Machine& machine(std::uint32_t number) { return *machines_[number]; }

 private:
  using Position = std::uint64_t;  // frame : 24 | machine state : 12 | NFA state : 28
  using FrameId = std::uint32_t;
  using TupleId = std::uint32_t;
  enum class Answer : std::uint8_t { kUnknown, kNo, kYes };
  static constexpr TupleId kNoTuple = 0xFFFFFFFFU;
  static constexpr std::uint32_t kFree = kFreeComponent;

  static Position position(Nfa::StateId state, std::uint32_t machine_state, FrameId frame);
  static Nfa::StateId state_of(Position p) { return static_cast<Nfa::StateId>(p & 0xFFFFFFFU); }
  static std::uint32_t machine_state_of(Position p) { return static_cast<std::uint32_t>((p >> 28) & 0xFFFU); }
  static FrameId frame_of(Position p) { return static_cast<FrameId>(p >> 40); }

  bool is_unentered(Position p) const {
    return nfa_.states[state_of(p)].kind == Nfa::Kind::kBoolean && machine_state_of(p) == 0;
  }

  class Collector;

  std::optional<CharacterLoop> find_loop(SubsetId subset);
  // Whether what follows a character may go back to it at once.
  bool may_return(Nfa::StateId after) const {
    const Nfa::Kind kind = nfa_.states[after].kind;
    return kind == Nfa::Kind::kSplit || kind == Nfa::Kind::kNext || kind == Nfa::Kind::kLater;
  }
  std::optional<CharacterLoop> loop_of_characters(SubsetId subset, std::uint32_t machine);
  std::optional<CharacterLoop> loop_of_combinations(SubsetId subset, std::span<const Position> own);
  std::optional<CharacterLoop> loop_of_tuple(TupleId tuple);
  SubsetId ahead(SubsetId subset, const CharacterLoop& loop, std::uint32_t characters);
  // Whether the subset ends a rule or calls one: where that leads is not known here.
  bool accepts_after(TupleId tuple, const ByteMachine& characters);
  bool ignores_bytes(std::uint32_t machine, std::uint32_t state);
  bool ignores(std::uint32_t machine, std::uint32_t state, const ByteMachine& characters);
  std::shared_ptr<const ByteMachine> find_wide(SubsetId subset);
  std::shared_ptr<const ByteMachine> wide_tuple(TupleId tuple);
  bool has_combinations(SubsetId subset) const;
  bool leads_on(SubsetId subset) const;
  using Characters = std::shared_ptr<const ByteMachine>;
  Characters common_of(const Characters& a, const Characters& b);
  bool leave_to(SubsetId subset, std::span<const Position> own, CharacterLoop& loop);
  SubsetId closure(Position p, bool enter = true);
  // Where the bytes lead: which of them the same way is known at once, where to only once somebody goes there.
  struct Partition {
    Partition(std::vector<std::uint16_t> of, std::size_t count);
    std::vector<std::uint16_t> of;  // ways by byte class
    std::size_t count;
    std::vector<std::uint16_t> first;  // classes[first[w] ..] up to first[w + 1] have way w
    std::vector<std::uint8_t> classes;
  };
  struct Row {
    const Partition* ways = nullptr;
    SubsetId* next = nullptr;  // per way
  };
  SubsetId make_step(SubsetId subset, std::size_t byte_class);
  Row row(SubsetId subset);
  const Partition* partition(SubsetId subset);
  const Partition* partition_of(TupleId tuple);
  template <class Mark>
  const Partition* partition_by(std::span<const std::uint64_t> key, Mark mark);
  const Partition* keep(Partition made);
  Position after_byte(Position p, ByteMachine::State machine_state) const;

  SubsetId interned(const std::vector<Position>& positions);

  FrameId frame(FrameId parent, std::uint32_t value);
  TupleId tuple_start(std::uint32_t combination);
  TupleId tuple_step(TupleId tuple, std::size_t byte_class);
  TupleId tuple_end_token(TupleId tuple);
  TupleId interned_tuple(std::span<const std::uint32_t> tuple);
  bool accepts(TupleId tuple) const;
  bool can_continue(TupleId tuple);
  TupleId decidable_part(TupleId tuple);
  std::vector<std::uint32_t> ways_on(TupleId tuple);

  Nfa& nfa_;
  const ByteClasses& classes_;
  NestedStates& nested_;
  std::vector<std::unique_ptr<Machine>> machines_;

  RuleId owner_of(Position p) const {
    return state_of(p) < nfa_.owners.size() ? nfa_.owners[state_of(p)] : Nfa::kNoRule;
  }

  Interner<Position> subsets_;
  std::vector<Info> infos_;
  std::unordered_map<SubsetId, std::optional<CharacterLoop>> loops_;
  std::unordered_map<SubsetId, std::shared_ptr<const ByteMachine>> wide_;
  std::map<std::pair<Characters, Characters>, Characters> common_;
  std::map<std::pair<Characters, Characters>, bool> clashes_;
  std::vector<Row> rows_;                           // per subset, without ways until first used
  std::vector<std::unique_ptr<SubsetId[]>> steps_;  // what the rows point into; the last block has some left
  SubsetId* step_ = nullptr;
  std::size_t steps_left_ = 0;
  std::size_t row_bytes_ = 0;
  std::deque<Partition> partitions_;
  const Partition* each_ = nullptr;                  // the one of all that step byte by byte
  Interner<std::uint64_t> read_;                     // sets of (machine, state of it), and partitions of operands
  std::vector<const Partition*> partition_of_read_;  // one for each of them
  std::vector<const Partition*> ways_of_tuple_;      // null until known
  FlatMap<SubsetId> unions_;
  std::unordered_map<SubsetId, SubsetId> token_ends_;

  Interner<std::uint32_t> frames_;              // (parent, count or tuple)
  Interner<std::uint32_t> tuples_;              // (combination, subset per operand)
  std::vector<Answer> continues_;               // per tuple
  std::unordered_set<std::uint32_t> given_up_;  // combinations of which a search took too long: nothing is a no there
  std::vector<TupleId> tuple_starts_;

  std::vector<std::uint32_t> seen_plain_;  // per NFA state: the last collection that met it without a frame
  std::uint32_t collections_ = 0;
  std::size_t work_ = 0;                                                          // positions collected so far
  std::vector<std::pair<std::vector<Position>, std::vector<Position>>> buffers_;  // of collectors that are done
};

}  // namespace tamis
