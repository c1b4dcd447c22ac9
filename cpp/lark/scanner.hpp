// The matcher of lark's lexers, a character at a time: what `re` would find by backtracking, by running all its ways
// side by side in their order of preference (Thompson's simulation with priorities; R. Cox, "Regular Expression
// Matching: the Virtual Machine Approach", 2009).
//
// A list holds the threads of one token, the most preferred first, up to one that matches: that cuts off all behind it.
// Behind a separator stand the keywords that the token may turn out to be.  What looks back is answered by the history,
// the threads of all look-behinds since the beginning of the text.  A look-ahead waits in its list until the next
// character is known; where that does not settle it, an answer is assumed and the list that is still open becomes an
// obligation of the caller.
//
// Lists are interned, and steps are remembered with what they depend on.  Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "../automaton/interner.hpp"
#include "../flat_map.hpp"
#include "assumptions.hpp"
#include "captures.hpp"
#include "tables.hpp"

namespace tamis::lark {

using HistoryId = ListId;  // the threads of the look-behinds
constexpr ListId kNoThreads = 0;
constexpr CodePoints::Class kEndOfText = 0xFFFFFFFFU;

class Scanner {
 public:
  using Thread = std::uint64_t;  // frame : 32 | address : 32

  Scanner(const Tables& tables, const CodePoints& characters);

  enum class Answer : std::uint8_t { kNo, kYes, kOpen };

  HistoryId first_history();

  // A step over one character, or to the end of the text: from the place before it to the place after it.
  class Moment {
   public:
    Moment(Scanner& scanner, HistoryId before, CodePoints::Class next, Assumptions& assumptions);
    Moment(const Moment&) = delete;
    Moment& operator=(const Moment&) = delete;
    HistoryId after() const { return after_; }

   private:
    friend class Scanner;
    using Answers = std::vector<Answer>;  // per look
    struct Ahead {
      std::uint32_t look;
      std::uint32_t frame;
      bool holds, is_assumed;
    };
    CodePoints::Class next_;
    HistoryId before_, after_;
    const Answers* behind_before_ = nullptr;
    const Answers* behind_after_ = nullptr;
    Answers settled_before_, made_after_;
    std::vector<Ahead> ahead_;
    Assumptions& assumptions_;
    bool history_is_assumed_ = false;
    bool looked_ = false;   // the answer under way depends on the history or on the next character
    bool assumed_ = false;  // it depends on an assumption
  };

  struct Scan {
    std::optional<Type> matched;  // a token ends before the character, unless a thread of `next` matches later
    ListId next = kNoThreads;     // the threads that are preferred to that, after the character
  };
  // A token that begins before the moment's character.
  ListId begin(std::uint32_t lexer, Moment& moment);
  // A token that began earlier.
  Scan scan(ListId list, Moment& moment);
  // The type of a token that was matched as `type`: that of the first of its keywords which is the whole token.
  Type resolve(ListId list, std::uint32_t lexer, Type type) const;
  // An obligation after the moment: does it match, or is it still open (then as the list `next`)?
  Answer follow(ListId list, Moment& moment, ListId& next);

  // The types that the threads of a list may still find.
  const std::vector<Type>& types(ListId list);
  // Whether each thread of the list stands in `seen` already; if not, all of them are added to it.
  bool is_covered(ListId list, std::unordered_set<Thread>& seen) const;

  std::size_t memory_bytes() const;

 private:
  // Threads being followed to what they wait for.
  struct Closure {
    std::vector<std::uint32_t> visited;  // per address, without frames: the last use that met it
    std::uint32_t use = 0;
    std::unordered_set<Thread> framed;
    std::vector<Thread> stack, out;
    bool cuts = true;  // a match ends it
    bool matched = false;
  };
  class Borrowed;  // a closure for a scope; they nest
  struct Place {
    const std::vector<Answer>* behind;
    Moment& moment;
    bool is_before;  // the moment's character comes next; otherwise nothing is known about what comes
  };
  struct Remembered {
    std::uint32_t matched = 0;  // 1 + type
    ListId next = 0;
    bool is_known = false;
    bool looked = false;  // see `looked_scans_`
  };

  static constexpr Thread kKeywords = ~Thread{0};
  static constexpr ListId kBeginning = 0x80000000U;  // a lexer in place of a list

  static Thread thread(Address address, std::uint32_t frame) { return Thread{frame} << 32 | address; }
  static Address address_of(Thread t) { return static_cast<Address>(t); }
  static std::uint32_t frame_of(Thread t) { return static_cast<std::uint32_t>(t >> 32); }
  const Instruction& at(Thread t) const { return tables_.program[address_of(t)]; }

  // Adds what `t` leads to; true if that is a match which cuts off the rest.
  bool close(Closure& closure, Thread t, const Place& place);
  // Adds what `t`, which waits for a character, leads to after the moment's.
  bool advance(Closure& closure, Thread t, Moment& moment);
  bool enter_atomic(Closure& closure, Thread t, const Place& place);
  bool settle_atomic(Closure& closure, Address atomic, const Closure& inner, const Place& place);
  bool holds_ahead(std::uint32_t look, std::uint32_t frame, Moment& moment);
  // Whether any of the threads, which wait for the moment's character, matches after it.
  bool any_matches(const std::vector<Thread>& threads, Moment& moment);

  ListId interned_set(std::vector<Thread> threads);
  HistoryId interned_history(std::vector<Thread> threads);
  Answer answer(const Thread* begin, const Thread* end) const;
  const std::vector<Answer>* answers(HistoryId history);
  void step_history(Moment& moment);
  void close_behind(Closure& closure, std::uint32_t look, std::vector<Answer>& answers, Moment& moment);

  Scan remembered_scan(ListId list, Moment& moment);
  Scan make_scan(ListId list, Moment& moment);
  ListId make_next(Closure& before, const std::vector<Thread>& keywords, Moment& moment);

  const Tables& tables_;
  const CodePoints& characters_;
  std::vector<std::uint32_t> owner_;  // per address: the type, or the number of types + the look, that it belongs to
  std::vector<bool> has_keywords_;    // per type
  std::vector<CodePoints::Class> folds_;  // per class
  std::vector<std::uint32_t> behinds_;    // looks
  Captures captures_;

  Interner<Thread> lists_;
  FlatMap<HistoryId> histories_;  // (history, character)
  std::unordered_map<HistoryId, std::vector<Answer>> answers_;
  FlatMap<Remembered> scans_;       // (list or lexer, character)
  Interner<std::uint32_t> looked_;  // (list or lexer, character, history before, history after)
  std::vector<Remembered> looked_scans_;
  std::vector<std::unique_ptr<std::vector<Type>>> types_;
  std::size_t types_bytes_ = 0;

  std::vector<std::unique_ptr<Closure>> closures_;
  std::size_t borrowed_ = 0;
};

}  // namespace tamis::lark
