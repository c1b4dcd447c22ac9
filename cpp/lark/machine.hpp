// A lark grammar as a machine: the text is read as lark's contextual lexer and LALR(1) parser do.
//
// Where a token ends may depend on what follows: the lexer takes the most preferred match there is.  So a state holds
// items, pieces of the text that may be a token under way, in their order: each item but the first begins where the one
// before it last matched, and counts as long as that does not match again.
//
// What is still open on top of that, a look-ahead of several characters or an atomic group, makes branches: each
// assumes an answer and carries the open threads along as its obligations.  Of all branches, one is right in the end.
#pragma once

#include <memory>
#include <unordered_set>
#include <vector>

#include "../automaton/machine.hpp"
#include "parser.hpp"
#include "scanner.hpp"

namespace tamis::lark {

class LarkSource : public MachineSource {
 public:
  // Throws std::invalid_argument for tables that do not hold together, also when a machine is made of them.
  explicit LarkSource(Tables tables);

  std::unique_ptr<Machine> make() const override;
  bool accepts_empty() const override;
  std::string name() const override { return "lark's lexer and parser"; }
  void mark_byte_classes(std::bitset<257>& starts) const override { characters_.mark_byte_classes(starts); }

 private:
  Tables tables_;
  CodePoints characters_;
};

// Refers to its source, which must outlive it.
class LarkMachine : public Machine {
 public:
  LarkMachine(const Tables& tables, const CodePoints& characters);

  State start() override { return state(start_, CodePoints::kBoundary); }
  State step(State state, std::uint8_t byte) override;
  bool is_complete(State state) override;
  std::size_t memory_bytes() const override;
  // The terminals that the text under way may become, and where it may end here those that may follow.
  Circumstances describe(State state) override;

 private:
  using SetId = std::uint32_t;  // of branches
  using BranchId = std::uint32_t;
  static constexpr SetId kNoBranch = 0;

  struct Item {
    ContextId context;
    ListId list;
    Parser::Indentation indentation;  // of the piece so far, where that matters
  };
  struct Branch {
    HistoryId history;
    std::vector<Assumptions::Assumption> obligations;  // sorted
    std::vector<Item> items;
    bool is_start = false;  // nothing was read: the only item has no threads yet
  };

  State state(SetId branches, CodePoints::Place place);
  SetId step_character(SetId branches, CodePoints::Class next);
  void step_branch(const Branch& branch, CodePoints::Class next, std::vector<Branch>& out);
  // The branch after a character under assumptions; false where it comes to nothing.
  bool step_items(const Branch& branch, Scanner::Moment& moment, CodePoints::Class next, Branch& out);
  bool step_obligations(const Branch& branch, Scanner::Moment& moment, Assumptions& assumptions);
  Parser::Indentation indentation(const Item& item, ListId list, CodePoints::Class next);
  std::optional<ContextId> behind(const Item& item, Type matched);
  bool is_viable(const Branch& branch);
  bool may_become(ContextId context, Type type);
  bool completes(const Branch& branch);
  // The context behind the token that ends here if the text does, where one does.
  std::optional<ContextId> behind_at_end(const Branch& branch);

  static void merge(std::vector<Branch>& branches);
  SetId interned(std::vector<Branch> branches);
  BranchId interned(const Branch& branch);
  Branch decoded(BranchId branch) const;

  const Tables& tables_;
  const CodePoints& characters_;
  Scanner scanner_;
  Parser parser_;
  std::vector<bool> may_be_newline_;  // per type, with an indenter
  CodePoints::Class line_feed_ = 0, space_ = 0, tab_ = 0;

  Interner<std::uint32_t> branches_;
  Interner<std::uint32_t> sets_;
  FlatMap<SetId> steps_;  // (set, character)
  struct Numbered {
    SetId branches;
    CodePoints::Place place;
  };
  std::vector<Numbered> states_;
  FlatMap<State> state_ids_;
  SetId start_;
};

}  // namespace tamis::lark
