// A backtracking matcher that also knows what more text could change.
//
// Besides "does the text match?" a run answers "could it, if more text followed?": a path that fails at the end of the
// text, or because of it, leaves the text open; when every path has failed before the end, no continuation matches.
// Look-around is judged likewise: as settled where its answer holds whatever follows.
//
// The order of preference, captures, atomic groups and recursion are those of Python's regex package.  Runs that take
// long remember the configurations they have tried, so that most patterns that are exponential elsewhere are not here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "program.hpp"

namespace tamis::regex {

struct Outcome {
  bool complete = false;  // the text matches
  bool settled = false;   // so does every text that begins with it
  bool open = false;      // a longer text may match
};

class Matcher {
 public:
  explicit Matcher(const Program& program);

  // Throws LimitError where this takes too many steps or too much memory.
  Outcome run(const std::u32string& text);

  std::size_t memory_bytes() const;

 private:
  using Pc = std::int32_t;
  using Position = std::int32_t;

  enum class EntryKind : std::uint8_t {
    kUndo,       // register a had the value b
    kChoice,     // go on at a, position b
    kShorter,    // go on at a, position b or less, down to c
    kLonger,     // one more character for the kChars at a, behind position b, after c of them
    kBackwards,  // as kShorter, for characters read from right to left: b or more, up to c
    kRound,      // another round of loop a at position b
    kLeave,      // leave loop a at position b
    kLook,       // the kLook at a began at position b
    kAtomic,     // an atomic group began
  };
  struct Entry {
    EntryKind kind;
    bool reached_end = false;  // of what surrounds a look-around or an atomic group
    bool unsettled = false;    // look-around: it matched, but what follows may change that
    std::int32_t a = 0;
    std::int32_t b = 0;
    std::int32_t c = 0;
    // Of what surrounds a look-around or an atomic group.
    std::int32_t marker = -1;
    std::int32_t scope = 0;
    std::int32_t taint = 0;
  };

  // Numbers of registers; captures and loops follow.
  enum Register : std::int32_t {
    kMarker,   // the stack entry of the innermost look-around or atomic group
    kScope,    // its serial number
    kTaint,    // whether this path depends on where the text ends
    kFrame,    // calls under way, a node
    kStarts,   // groups under way, a node
    kChanged,  // serial number of the last change of a capture
    kFirstCapture,
  };
  struct Hash {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    bool operator==(const Hash&) const = default;
  };
  // Linked lists that many paths share.
  struct Node {
    std::int32_t parent;
    std::int32_t position;     // where the group or the call began
    std::int32_t target = 0;   // of a call
    std::int32_t returns = 0;  // to
    std::int32_t saved = 0;    // where the caller's registers are
    std::int32_t depth = 0;
    Hash hash = {};
  };

  bool match_from(Position start);
  bool step(const Instruction& i);  // false where the path fails
  bool backtrack();                 // to the next path; false where there is none
  void push(Entry entry);
  void set(std::int32_t index, std::int32_t value);
  void set_taint();
  std::int32_t capture(std::int32_t group) const { return kFirstCapture + 2 * group; }
  std::int32_t loop_register(std::int32_t loop) const { return loops_at_ + 3 * loop; }

  bool read(const CodePoints& set, bool behind);
  bool read_many(const Instruction& i);
  bool holds(const Instruction& i);
  bool same_as_group(const Instruction& i);
  void close_group(std::int32_t group);
  void enter(EntryKind kind);
  bool end_look();
  bool look_failed(const Entry& look);
  void end_atomic();
  void cut(std::size_t from);
  bool enter_loop(std::int32_t index);
  bool end_round(std::int32_t index);
  bool choose(std::int32_t index, bool round, bool leave);
  void start_round(std::int32_t index);
  void leave_loop(std::int32_t index);
  bool call(Pc target);
  void give_back();

  // Whether no path has been here in the same configuration before: one that `arrived` at an instruction, or one that
  // the instruction itself asks about.
  bool is_new(bool arrived);
  Hash configuration() const;

  const Program& program_;
  bool commits_;
  std::int32_t loops_at_;
  const std::u32string* text_ = nullptr;
  std::vector<std::int32_t> registers_;
  std::vector<Entry> stack_;
  std::vector<Node> nodes_;
  std::vector<std::int32_t> saved_;
  std::vector<Hash> tried_;
  std::size_t tried_count_ = 0;
  Pc pc_ = 0;
  Position position_ = 0;
  bool reached_end_ = false;  // a path of the innermost look-around, or of all, failed because the text ended
  std::int32_t serial_ = 0;
  std::int64_t steps_ = 0;
  Position skip_to_ = 0;
  bool matched_ = false;
};

}  // namespace tamis::regex
