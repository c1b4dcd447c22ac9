// lark's LALR(1) parser with its indenter in front, on persistent stacks: a context is one number.  Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "../automaton/interner.hpp"
#include "../flat_map.hpp"
#include "tables.hpp"

namespace tamis::lark {

using ContextId = std::uint32_t;

class Parser {
 public:
  // How far the text behind a newline token's last line feed is indented: 1 + columns, or 0 without a line feed.
  using Indentation = std::uint32_t;

  explicit Parser(const Tables& tables);

  ContextId start() const { return start_; }
  std::uint32_t lexer(ContextId context) const { return tables_.states[nodes_[at(context).stack].state].lexer; }

  // The context behind a token, or nothing where lark reports an error.  `indentation` counts for newline tokens only.
  std::optional<ContextId> feed(ContextId context, Type type, Indentation indentation);
  // Whether `feed` may succeed, whatever the indentation.
  bool may_feed(ContextId context, Type type);
  // Whether lark is content with the end of the text here.
  bool accepts(ContextId context);

  // The rules under way, the outermost first; up to `most` of them, counted from the inside.
  std::vector<std::string> rules(ContextId context, std::size_t most) const;

  // Whether the indentation behind a newline token matters here.
  bool sees_newlines(ContextId context) const { return tables_.indenter && at(context).parentheses == 0; }

  std::size_t memory_bytes() const;

 private:
  using StackId = std::uint32_t;
  static constexpr std::uint32_t kNothing = 0xFFFFFFFFU;
  struct Node {
    StackId below;
    std::uint32_t state;
    std::uint32_t depth;
  };
  struct Context {
    StackId stack;
    std::uint32_t indents;  // 0, or a level that is indented
    std::uint32_t parentheses;
  };
  struct Indent {
    std::uint32_t outer;
    std::uint32_t columns;
  };

  const Context& at(ContextId context) const { return contexts_[context]; }
  ContextId interned(const Context& context);
  StackId push(StackId below, std::uint32_t state);
  // The stack behind a token, kNothing for an error.
  StackId shift(StackId stack, Type type);
  std::optional<ContextId> feed_newline(Context context, Indentation indentation);
  std::optional<ContextId> make_feed(Context context, Type type, Indentation indentation);

  const Tables& tables_;
  FlatMap<std::int32_t> actions_;  // (state, type)
  FlatMap<std::uint32_t> gotos_;   // (state, nonterminal)
  std::vector<Node> nodes_;
  FlatMap<StackId> node_ids_;  // (below, state)
  std::vector<Indent> indents_;
  FlatMap<std::uint32_t> indent_ids_;  // (outer, columns)
  std::vector<Context> contexts_;
  Interner<std::uint32_t> context_ids_;
  FlatMap<StackId> shifts_;        // (stack, type)
  FlatMap<ContextId> feeds_;       // (context, type), but for newlines
  FlatMap<std::uint8_t> accepts_;  // context
  ContextId start_;
};

}  // namespace tamis::lark
