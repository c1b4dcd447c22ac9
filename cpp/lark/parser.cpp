#include "parser.hpp"

#include <algorithm>

#include "../automaton/subsets.hpp"

namespace tamis::lark {

namespace {

constexpr std::size_t kMaxReductions = 10'000'000;

std::uint64_t key(std::uint32_t high, std::uint32_t low) { return std::uint64_t{high} << 32 | low; }

bool contains(const std::vector<Type>& types, Type type) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

}  // namespace

Parser::Parser(const Tables& tables) : tables_(tables), indents_({{0, 0}}) {
  for (std::uint32_t state = 0; state < tables.states.size(); ++state) {
    for (const auto& [type, action] : tables.states[state].actions) actions_.insert(key(state, type), action);
    for (const auto& [nonterminal, next] : tables.states[state].gotos) gotos_.insert(key(state, nonterminal), next);
  }
  start_ = interned({push(kNothing, tables.start_state), 0, 0});
}

ContextId Parser::interned(const Context& context) {
  const std::uint32_t id = context_ids_.intern({context.stack, context.indents, context.parentheses});
  if (id == contexts_.size()) contexts_.push_back(context);
  return id;
}

Parser::StackId Parser::push(StackId below, std::uint32_t state) {
  if (const StackId* known = node_ids_.find(key(below, state))) return *known;
  const auto id = static_cast<StackId>(nodes_.size());
  nodes_.push_back({below, state, below == kNothing ? 0 : nodes_[below].depth + 1});
  node_ids_.insert(key(below, state), id);
  return id;
}

Parser::StackId Parser::shift(StackId stack, Type type) {
  if (const StackId* known = shifts_.find(key(stack, type))) return *known;
  const StackId from = stack;
  // A parser that meets a state once more without popping below it is in a loop.
  const std::size_t states = tables_.states.size();
  const std::size_t most = std::min((nodes_[stack].depth + states + 1) * (states + 1), kMaxReductions);
  for (std::size_t reductions = 0;; ++reductions) {
    if (reductions > most) throw LimitError("the parser reduces without end");
    const std::int32_t* action = actions_.find(key(nodes_[stack].state, type));
    if (action == nullptr) {
      stack = kNothing;
      break;
    }
    if (*action >= 0) {
      stack = push(stack, static_cast<std::uint32_t>(*action));
      break;
    }
    const Rule& rule = tables_.rules[static_cast<std::uint32_t>(~*action)];
    for (std::uint32_t i = 0; i < rule.length && stack != kNothing; ++i) stack = nodes_[stack].below;
    const std::uint32_t* next = stack == kNothing ? nullptr : gotos_.find(key(nodes_[stack].state, rule.origin));
    stack = next == nullptr ? kNothing : push(stack, *next);
    if (stack == kNothing) break;
    // lark stops here only at the end of the text, but there is no action but for that in this state.
    if (nodes_[stack].state == tables_.end_state && type == tables_.end) break;
  }
  shifts_.insert(key(from, type), stack);
  return stack;
}

std::optional<ContextId> Parser::feed(ContextId context, Type type, Indentation indentation) {
  const bool is_newline = tables_.indenter && type == tables_.indenter->newline;
  if (is_newline) return make_feed(at(context), type, indentation);
  if (const ContextId* known = feeds_.find(key(context, type))) {
    return *known == kNothing ? std::nullopt : std::optional<ContextId>(*known);
  }
  const std::optional<ContextId> made = make_feed(at(context), type, indentation);
  feeds_.insert(key(context, type), made.value_or(kNothing));
  return made;
}

std::optional<ContextId> Parser::make_feed(Context context, Type type, Indentation indentation) {
  if (type == tables_.end) return std::nullopt;
  const bool is_newline = tables_.indenter && type == tables_.indenter->newline;
  if (is_newline && context.parentheses == 0) {
    const std::optional<ContextId> behind = feed_newline(context, indentation);
    if (!behind) return std::nullopt;
    context = at(*behind);
  } else if (!is_newline) {
    context.stack = shift(context.stack, type);
    if (context.stack == kNothing) return std::nullopt;
  }
  if (tables_.indenter && contains(tables_.indenter->open, type)) {
    ++context.parentheses;
  } else if (tables_.indenter && contains(tables_.indenter->close, type)) {
    if (context.parentheses == 0) return std::nullopt;
    --context.parentheses;
  }
  return interned(context);
}

std::optional<ContextId> Parser::feed_newline(Context context, Indentation indentation) {
  const Indenter& indenter = *tables_.indenter;
  const auto shifted = [&](Type type) {
    context.stack = shift(context.stack, type);
    return context.stack != kNothing;
  };
  if (!shifted(indenter.newline) || indentation == 0) return std::nullopt;
  const std::uint32_t columns = indentation - 1;
  if (columns > indents_[context.indents].columns) {
    const std::uint64_t level = key(context.indents, columns);
    if (indent_ids_.find(level) == nullptr) {
      indent_ids_.insert(level, static_cast<std::uint32_t>(indents_.size()));
      indents_.push_back({context.indents, columns});
    }
    context.indents = *indent_ids_.find(level);
    if (!shifted(indenter.indent)) return std::nullopt;
  } else {
    while (columns < indents_[context.indents].columns) {
      context.indents = indents_[context.indents].outer;
      if (!shifted(indenter.dedent)) return std::nullopt;
    }
    if (columns != indents_[context.indents].columns) return std::nullopt;
  }
  return interned(context);
}

bool Parser::may_feed(ContextId context, Type type) {
  if (type == tables_.end) return false;
  if (tables_.indenter && type == tables_.indenter->newline && at(context).parentheses > 0) return true;
  return shift(at(context).stack, type) != kNothing;
}

bool Parser::accepts(ContextId context) {
  if (const std::uint8_t* known = accepts_.find(context)) return *known != 0;
  StackId stack = at(context).stack;
  for (std::uint32_t level = at(context).indents; level != 0 && stack != kNothing; level = indents_[level].outer) {
    stack = shift(stack, tables_.indenter->dedent);
  }
  if (stack != kNothing) stack = shift(stack, tables_.end);
  const bool accepted = stack != kNothing && nodes_[stack].state == tables_.end_state;
  accepts_.insert(context, accepted ? 1 : 0);
  return accepted;
}

std::vector<std::string> Parser::rules(ContextId context, std::size_t most) const {
  std::vector<std::string> found;
  if (tables_.state_rules.empty()) return found;
  for (StackId stack = at(context).stack; stack != kNothing && found.size() < most;) {
    const auto& here = tables_.state_rules[nodes_[stack].state];
    if (here.empty()) break;
    std::vector<std::string> names;
    std::uint32_t read = here.front().second;
    for (const auto& [name, symbols] : here) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
      read = std::min(read, symbols);
    }
    std::string joined;
    for (const std::string& name : names) joined += (joined.empty() ? "" : " or ") + name;
    if (found.empty() || found.back() != joined) found.push_back(joined);
    if (read == 0) break;
    // Below what was read of the rule stands the state that expects it.
    for (; read > 0 && stack != kNothing; --read) stack = nodes_[stack].below;
  }
  std::reverse(found.begin(), found.end());
  return found;
}

std::size_t Parser::memory_bytes() const {
  return actions_.memory_bytes() + gotos_.memory_bytes() + node_ids_.memory_bytes() + indent_ids_.memory_bytes() +
         context_ids_.memory_bytes() + shifts_.memory_bytes() + feeds_.memory_bytes() + accepts_.memory_bytes() +
         nodes_.capacity() * sizeof(Node) + indents_.capacity() * sizeof(Indent) +
         contexts_.capacity() * sizeof(Context);
}

}  // namespace tamis::lark
