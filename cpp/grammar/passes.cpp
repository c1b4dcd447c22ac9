#include "passes.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

namespace tamis {
namespace {

// Rules inside rules inside rules, or one node inside the other: deeper than this, the call stack is at risk.
constexpr int kMaxDepth = 5000;

// Rules inside of intersections and complements are written out up to this size.
constexpr std::uint64_t kMaxExpansion = 100'000;

// Counts the nesting of a recursive function.
class Nesting {
 public:
  explicit Nesting(int& depth) : depth_(depth) {
    if (++depth_ > kMaxDepth) throw CompileError("the grammar is nested too deeply");
  }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;
  ~Nesting() { --depth_; }

 private:
  int& depth_;
};

// For loops that make nodes.
std::vector<NodeId> copied_children(const Grammar& grammar, NodeId id) {
  const auto children = grammar.children(id);
  return {children.begin(), children.end()};
}

// The same node over other children.
NodeId rebuilt(Grammar& grammar, NodeId id, const std::unordered_map<NodeId, NodeId>& mapped) {
  const Node node = grammar[id];
  const auto at = [&](NodeId child) { return mapped.at(child); };
  switch (node.kind) {
    case NodeKind::kSeq:
      return grammar.seq(at(node.a), at(node.b));
    case NodeKind::kRepeat:
      return grammar.repeat(at(node.a), node.min, node.max);
    case NodeKind::kComplement:
      return grammar.complement(at(node.a));
    case NodeKind::kAlt:
    case NodeKind::kIntersect: {
      std::vector<NodeId> children = copied_children(grammar, id);
      for (NodeId& child : children) child = at(child);
      return node.kind == NodeKind::kAlt ? grammar.alt(children) : grammar.intersect(children);
    }
    default:
      return id;
  }
}

// Applies `replace` to every node below root, children first; it sees the map made so far.
template <typename Replace>
NodeId rewrite(Grammar& grammar, NodeId root, std::unordered_map<NodeId, NodeId>& mapped, Replace replace) {
  for (const NodeId id : reachable_nodes(grammar, root)) {
    if (mapped.count(id) == 0) {
      const NodeId made = replace(id);
      mapped.emplace(id, made);
    }
  }
  return mapped.at(root);
}

template <typename Replace>
void rewrite_all(Grammar& grammar, Replace replace) {
  std::unordered_map<NodeId, NodeId> mapped;
  grammar.start = rewrite(grammar, grammar.start, mapped, [&](NodeId id) { return replace(id, mapped); });
  for (RuleId rule = 0; rule < grammar.rules.size(); ++rule) {
    const NodeId body =
        rewrite(grammar, grammar.rules[rule].body, mapped, [&](NodeId id) { return replace(id, mapped); });
    grammar.rules[rule].body = body;
  }
}

// Puts the bodies of regular rules in the place of their names, below intersections and complements: whether regular
// operands agree is decided exactly.  Rules that are, or call, recursive ones stay, and so do very large ones.
class RuleInliner {
 public:
  explicit RuleInliner(Grammar& grammar) : grammar_(grammar), sizes_(grammar.rules.size(), kMaxExpansion) {
    const auto calls = references(grammar);
    for (const auto& component : strong_components(calls)) {  // successors first
      const RuleId rule = component[0];
      if (!is_cycle(component, calls)) sizes_[rule] = size(grammar.rules[rule].body);
    }
  }

  NodeId operator()(NodeId root) {
    const Nesting nesting(depth_);
    return rewrite(grammar_, root, mapped_, [&](NodeId id) {
      if (grammar_[id].kind != NodeKind::kRule) return rebuilt(grammar_, id, mapped_);
      const RuleId rule = grammar_[id].a;
      if (sizes_[rule] >= kMaxExpansion) return id;
      return (*this)(grammar_.rules[rule].body);
    });
  }

 private:
  // As a tree, rules written out.
  std::uint64_t size(NodeId root) {
    for (const NodeId id : reachable_nodes(grammar_, root)) {
      if (node_sizes_.count(id) != 0) continue;
      std::uint64_t total = grammar_[id].kind == NodeKind::kRule ? sizes_[grammar_[id].a] : 1;
      for (const NodeId child : grammar_.children(id)) total += node_sizes_.at(child);
      node_sizes_.emplace(id, std::min(total, kMaxExpansion));
    }
    return node_sizes_.at(root);
  }

  Grammar& grammar_;
  int depth_ = 0;
  std::vector<std::uint64_t> sizes_;
  std::unordered_map<NodeId, std::uint64_t> node_sizes_;
  std::unordered_map<NodeId, NodeId> mapped_;
};

CompileError through_itself(const Rule& rule) {
  return CompileError("rule '" + rule.name + "' begins with itself inside an intersection or complement");
}

// For a node: the same language with references to nullable rules made optional, and that language without the
// empty string.  References stand for the non-empty part of their rule in both.
struct NullableSplit {
  Grammar& grammar;
  std::vector<bool> nullable_rules;
  std::unordered_map<NodeId, NodeId> whole;
  std::unordered_map<NodeId, NodeId> nonempty;
  std::unordered_map<NodeId, bool> nullable;

  void operator()(NodeId root) {
    for (const NodeId id : reachable_nodes(grammar, root)) {
      if (whole.count(id) == 0) split(id);
    }
  }

 private:
  void set(NodeId id, NodeId whole_node, NodeId nonempty_node, bool is_nullable) {
    whole.emplace(id, whole_node);
    nonempty.emplace(id, nonempty_node);
    nullable.emplace(id, is_nullable);
  }

  void split(NodeId id) {
    const Node node = grammar[id];
    switch (node.kind) {
      case NodeKind::kNothing:
      case NodeKind::kChars:
        return set(id, id, id, false);
      case NodeKind::kEmpty:
        return set(id, id, Grammar::kNothing, true);
      case NodeKind::kRule:
        return set(id, nullable_rules[node.a] ? grammar.optional(id) : id, id, nullable_rules[node.a]);
      case NodeKind::kSeq: {
        const NodeId both = grammar.seq(whole[node.a], whole[node.b]);
        if (!nullable[node.a] || !nullable[node.b]) return set(id, both, both, false);
        // Of a long sequence of such parts, each one is written down once: the alternatives are nested.
        return set(id, both, grammar.either(grammar.seq(nonempty[node.a], whole[node.b]), nonempty[node.b]), true);
      }
      case NodeKind::kAlt: {
        std::vector<NodeId> wholes;
        std::vector<NodeId> nonempties;
        bool any = false;
        for (const NodeId child : grammar.children(id)) {
          wholes.push_back(whole[child]);
          nonempties.push_back(nonempty[child]);
          any = any || nullable[child];
        }
        const NodeId whole_node = grammar.alt(wholes);
        return set(id, whole_node, grammar.alt(nonempties), any);
      }
      case NodeKind::kRepeat: {
        // Bodies become non-empty, so that a counter never runs without input.
        const NodeId body = nonempty[node.a];
        const std::int32_t min = nullable[node.a] ? 0 : node.min;
        const NodeId whole_node = grammar.repeat(body, min, node.max);
        return set(id, whole_node, min == 0 ? grammar.repeat(body, 1, node.max) : whole_node, min == 0);
      }
      case NodeKind::kIntersect:
      case NodeKind::kComplement:
      case NodeKind::kMachine: {
        bool has_empty = true;
        if (node.kind == NodeKind::kMachine) {
          has_empty = grammar.machines[node.a]->accepts_empty();
        } else if (node.kind == NodeKind::kComplement) {
          has_empty = !nullable[node.a];
        } else {
          for (const NodeId child : grammar.children(id)) has_empty = has_empty && nullable[child];
        }
        const NodeId some = grammar.repeat(grammar.any_byte(), 1, Grammar::kUnbounded);
        NodeId same = id;  // over operands whose nullable rules are optional
        if (node.kind == NodeKind::kComplement) {
          same = grammar.complement(whole[node.a]);
        } else if (node.kind == NodeKind::kIntersect) {
          std::vector<NodeId> wholes;
          for (const NodeId child : grammar.children(id)) wholes.push_back(whole[child]);
          same = grammar.intersect(wholes);
        }
        return set(id, same, has_empty ? grammar.intersect({same, some}) : same, has_empty);
      }
    }
  }
};

// A left-recursive group of rules as a left-linear system: rule i = sum_j (rule j) alpha[j] | beta.
struct LeftLinear {
  std::map<RuleId, NodeId> alpha;
  NodeId beta = Grammar::kNothing;
};

class LeftRecursion {
 public:
  explicit LeftRecursion(Grammar& grammar)
      : grammar_(grammar), split_{grammar, std::vector<bool>(grammar.rules.size()), {}, {}, {}} {}

  void remove(const std::vector<RuleId>& group) {
    members_ = {group.begin(), group.end()};
    std::map<RuleId, LeftLinear> system;
    for (const RuleId rule : group) system[rule] = decompose(grammar_.rules[rule].body);
    if (group.size() == 1) {
      // A = A x | y  is  y x*.
      const LeftLinear& own = system[group[0]];
      const NodeId step = nonempty(own.alpha.at(group[0]));
      grammar_.rules[group[0]].body = grammar_.seq(own.beta, grammar_.repeat(step, 0, Grammar::kUnbounded));
      return;
    }
    solve(group, system);
  }

 private:
  NodeId nonempty(NodeId id) {
    split_(id);
    return split_.nonempty.at(id);
  }
  bool nullable(NodeId id) {
    split_(id);
    return split_.nullable.at(id);
  }

  LeftLinear decompose(NodeId id) {
    const Nesting nesting(depth_);
    const Node node = grammar_[id];
    LeftLinear out;
    const auto add = [&](const LeftLinear& part, NodeId then) {
      for (const auto& [rule, rest] : part.alpha) {
        const auto found = out.alpha.emplace(rule, Grammar::kNothing).first;
        found->second = grammar_.alt({found->second, grammar_.seq(rest, then)});
      }
      out.beta = grammar_.alt({out.beta, grammar_.seq(part.beta, then)});
    };
    switch (node.kind) {
      case NodeKind::kEmpty:
        break;
      case NodeKind::kRule:
        if (members_.count(node.a) != 0) {
          out.alpha[node.a] = Grammar::kEmpty;
        } else {
          out.beta = id;
        }
        break;
      case NodeKind::kSeq:
        add(decompose(node.a), node.b);
        if (nullable(node.a)) add(decompose(node.b), Grammar::kEmpty);
        break;
      case NodeKind::kAlt:
        for (const NodeId child : copied_children(grammar_, id)) add(decompose(child), Grammar::kEmpty);
        break;
      case NodeKind::kRepeat: {
        const std::int32_t min = std::max(node.min - 1, 0);
        add(decompose(node.a), grammar_.repeat(node.a, min, node.max < 0 ? node.max : node.max - 1));
        break;
      }
      default:
        out.beta = nonempty(id);
    }
    return out;
  }

  // Members that something besides the group's own leftmost positions refers to; only they need a definition.
  std::vector<bool> used_members(const std::vector<RuleId>& group, const std::map<RuleId, LeftLinear>& system) const {
    std::unordered_set<RuleId> used;
    const auto look = [&](NodeId root) {
      for (const NodeId id : reachable_nodes(grammar_, root)) {
        if (grammar_[id].kind == NodeKind::kRule) used.insert(grammar_[id].a);
      }
    };
    look(grammar_.start);
    for (RuleId rule = 0; rule < grammar_.rules.size(); ++rule) {
      if (members_.count(rule) == 0) look(grammar_.rules[rule].body);
    }
    for (const auto& [rule, linear] : system) {
      look(linear.beta);
      for (const auto& [from, rest] : linear.alpha) look(rest);
    }
    std::vector<bool> out;
    for (const RuleId rule : group) out.push_back(used.count(rule) != 0);
    return out;
  }

  // With M[j][k] = the non-empty part of rule k's coefficient on rule j, and U the closure of the empty parts, rule i
  // is the sum over j of beta_j U (M U)* seen as paths from j to i; each pair (j, i) gets a rule for the paths that
  // take at least one step.
  void solve(const std::vector<RuleId>& group, std::map<RuleId, LeftLinear>& system) {
    const std::size_t n = group.size();
    std::vector<std::vector<std::pair<std::size_t, NodeId>>> steps(n);
    std::vector<std::vector<std::size_t>> units(n);
    std::map<RuleId, std::size_t> position;
    for (std::size_t k = 0; k < n; ++k) position[group[k]] = k;
    for (std::size_t k = 0; k < n; ++k) {
      for (const auto& [from, rest] : system[group[k]].alpha) {
        const std::size_t j = position.at(from);
        if (const NodeId step = nonempty(rest); step != Grammar::kNothing) steps[j].emplace_back(k, step);
        if (nullable(rest)) units[j].push_back(k);
      }
    }
    for (std::size_t j = 0; j < n; ++j) units[j] = closure(units, j);
    const std::vector<bool> used = used_members(group, system);
    for (std::size_t i = 0; i < n; ++i) {
      if (used[i]) define_member(group, system, steps, units, i);
      if (!used[i]) grammar_.rules[group[i]].body = Grammar::kNothing;
    }
  }

  static std::vector<std::size_t> closure(const std::vector<std::vector<std::size_t>>& units, std::size_t from) {
    std::vector<std::size_t> met = {from};
    for (std::size_t at = 0; at < met.size(); ++at) {
      for (const std::size_t next : units[met[at]]) {
        if (std::find(met.begin(), met.end(), next) == met.end()) met.push_back(next);
      }
    }
    return met;
  }

  void define_member(const std::vector<RuleId>& group, std::map<RuleId, LeftLinear>& system,
                     const std::vector<std::vector<std::pair<std::size_t, NodeId>>>& steps,
                     const std::vector<std::vector<std::size_t>>& units, std::size_t i) {
    std::vector<NodeId> paths;
    for (const RuleId from : group) {
      paths.push_back(grammar_.rule(grammar_.rules[from].name + ".." + grammar_.rules[group[i]].name));
      split_.nullable_rules.push_back(false);
    }
    const auto onward = [&](std::size_t k) {
      std::vector<NodeId> ways;
      for (const std::size_t l : units[k]) {
        ways.push_back(paths[l]);
        if (l == i) ways.push_back(Grammar::kEmpty);
      }
      return grammar_.alt(ways);
    };
    std::vector<NodeId> body;
    for (std::size_t j = 0; j < group.size(); ++j) {
      body.push_back(grammar_.seq(system[group[j]].beta, onward(j)));
      std::vector<NodeId> ways;
      for (const auto& [k, step] : steps[j]) ways.push_back(grammar_.seq(step, onward(k)));
      grammar_.define(paths[j], grammar_.alt(ways));
    }
    grammar_.rules[group[i]].body = grammar_.alt(body);
  }

  Grammar& grammar_;
  int depth_ = 0;
  NullableSplit split_;
  std::unordered_set<RuleId> members_;
};

}  // namespace

const std::vector<Pass>& passes() {
  static const std::vector<Pass> kPasses = {
      {"expand_booleans", has_rules_in_booleans, expand_booleans},
      {"prune", has_barren_nodes, prune},
      {"remove_nullable_rules", has_nullable_rules, remove_nullable_rules},
      {"remove_left_recursion", has_left_recursion, remove_left_recursion},
      {"prune", has_barren_nodes, prune},
  };
  return kPasses;
}

std::shared_ptr<const Grammar> normalised(std::shared_ptr<const Grammar> grammar) {
  check_defined(*grammar);
  std::shared_ptr<Grammar> changed;
  for (const Pass& pass : passes()) {
    if (!pass.needed(*grammar)) continue;
    if (changed == nullptr) grammar = changed = std::make_shared<Grammar>(*grammar);
    pass.run(*changed);
  }
  check_booleans(*grammar);
  return grammar;
}

void expand_booleans(Grammar& grammar) {
  RuleInliner inlined(grammar);
  rewrite_all(grammar, [&](NodeId id, const std::unordered_map<NodeId, NodeId>& mapped) {
    const NodeKind kind = grammar[id].kind;
    return kind == NodeKind::kIntersect || kind == NodeKind::kComplement ? inlined(id) : rebuilt(grammar, id, mapped);
  });
}

void prune(Grammar& grammar) {
  const std::vector<bool> productive = productive_nodes(grammar);
  if (!productive[grammar.start]) throw EmptyLanguageError();
  rewrite_all(grammar, [&](NodeId id, const std::unordered_map<NodeId, NodeId>& mapped) {
    if (grammar[id].kind == NodeKind::kRule && !productive[id]) return Grammar::kNothing;
    return rebuilt(grammar, id, mapped);
  });
}

void remove_nullable_rules(Grammar& grammar) {
  const std::vector<bool> nullable_rules = rules_that_are_nullable(grammar);
  // Through complements the rules above need not have one solution; what was found must be one.
  const std::vector<bool> nullable = nullable_nodes(grammar, nullable_rules);
  for (RuleId rule = 0; rule < grammar.rules.size(); ++rule) {
    if (nullable_rules[rule] && !nullable[grammar.rules[rule].body]) throw through_itself(grammar.rules[rule]);
  }
  NullableSplit split{grammar, nullable_rules, {}, {}, {}};
  split(grammar.start);
  grammar.start = split.whole.at(grammar.start);
  for (RuleId rule = 0; rule < grammar.rules.size(); ++rule) {
    const NodeId body = grammar.rules[rule].body;
    split(body);
    grammar.rules[rule].body = split.nonempty.at(body);
  }
}

void remove_left_recursion(Grammar& grammar) {
  const auto corners = rule_corners(grammar);
  LeftRecursion recursion(grammar);
  for (const auto& component : strong_components(corners)) {
    if (is_cycle(component, corners)) recursion.remove(component);
  }
}

void remove_empty_combinations(Grammar& grammar, const std::vector<NodeId>& empty) {
  const std::unordered_set<NodeId> gone(empty.begin(), empty.end());
  rewrite_all(grammar, [&](NodeId id, const std::unordered_map<NodeId, NodeId>& mapped) {
    return gone.count(id) != 0 ? Grammar::kNothing : rebuilt(grammar, id, mapped);
  });
  prune(grammar);
}

void check_defined(const Grammar& grammar) {
  for (const RuleId rule : reach(grammar).rules) {
    if (!grammar.rules[rule].defined) {
      throw CompileError("rule '" + grammar.rules[rule].name + "' is used but never defined");
    }
  }
}

void check_booleans(const Grammar& grammar) {
  if (!has_rules_in_booleans(grammar)) return;
  const auto corners = rule_corners(grammar, true);
  for (const auto& component : strong_components(corners)) {
    if (is_cycle(component, corners)) throw through_itself(grammar.rules[component[0]]);
  }
}

}  // namespace tamis
