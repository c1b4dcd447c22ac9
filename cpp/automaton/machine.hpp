// What no grammar can say, as a deterministic machine over bytes that rides along as an operand of the automaton:
// a lexer with its parser, values that must differ, a back-reference.
//
// A grammar holds the immutable source; every automaton makes a machine of its own from it and calls that under its
// lock, so a machine needs none.  States are immutable small integers: equal states must get equal numbers, and forking
// is copying one.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tamis {

// Where a machine stands, for people.
struct Circumstances {
  std::vector<std::string> rules;     // that are under way, the outermost first
  std::vector<std::string> expected;  // what may come next or go on, by name
};

class Machine {
 public:
  using State = std::int32_t;
  static constexpr State kDead = -1;

  virtual ~Machine() = default;
  Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  virtual State start() = 0;
  // kDead where no continuation is accepted; a prefix may be kept that cannot be completed, never the opposite.
  // Throws LimitError where it would take too much time or memory to say.
  virtual State step(State state, std::uint8_t byte) = 0;
  virtual bool is_complete(State state) = 0;
  // A token has ended after the bytes read so far; kDead where no other may follow in what the machine reads.
  virtual State end_token(State state) { return state; }
  // Whether any characters of a JSON string may come next, each as JSON spells it, however many and whichever they are.
  virtual bool reads_json_characters(State) { return false; }
  virtual std::size_t memory_bytes() const = 0;
  virtual Circumstances describe(State) { return {}; }
};

class MachineSource {
 public:
  virtual ~MachineSource() = default;
  MachineSource() = default;
  MachineSource(const MachineSource&) = delete;
  MachineSource& operator=(const MachineSource&) = delete;

  virtual std::unique_ptr<Machine> make() const = 0;
  virtual bool accepts_empty() const = 0;
  virtual std::string name() const { return "a condition that is no grammar's"; }
  virtual bool counts_tokens() const { return false; }  // end_token may change a state
  // Whether so few states are met on the way through a vocabulary that a mask costs little more than without a machine.
  virtual bool has_cheap_masks() const { return false; }
  // Marks each byte b (and 256, the end) that the machine may treat differently from byte b - 1.
  virtual void mark_byte_classes(std::bitset<257>& starts) const { starts.set(); }
};

}  // namespace tamis
