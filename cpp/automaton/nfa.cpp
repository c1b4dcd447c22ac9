#include "nfa.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "../grammar/passes.hpp"

namespace tamis {
namespace {

constexpr std::uint64_t kInlineSize = 48;    // rules up to this many states are copied where they are used
constexpr std::uint64_t kUnrollSize = 24;    // bounded repeats up to this many states are written out
constexpr std::uint64_t kHuge = 1ULL << 40;  // sizes saturate here
constexpr int kMaxDepth = 20000;

std::uint64_t saturated(std::uint64_t value) { return std::min(value, kHuge); }

class Compiler {
 public:
  Compiler(const Grammar& grammar, std::size_t max_states) : grammar_(grammar), max_states_(max_states) {}

  Nfa run() {
    nfa_.states.push_back({Nfa::Kind::kFinal});
    choose_inlined();
    nfa_.rule_starts.assign(grammar_.rules.size(), Nfa::kFinal);
    nfa_.start = build(grammar_.start, Nfa::kFinal);
    while (!pending_rules_.empty()) {
      const RuleId rule = pending_rules_.back();
      pending_rules_.pop_back();
      nfa_.rule_starts[rule] = build(grammar_.rules[rule].body, Nfa::kFinal);
    }
    for (Nfa::Boolean& operands : nfa_.booleans) {
      for (Nfa::Operand& operand : operands) {
        if (operand.kind == Nfa::OperandKind::kRegular && calls_rules(operand.start)) {
          operand.kind = Nfa::OperandKind::kGrammar;
        }
      }
    }
    nfa_.sources = grammar_.machines;
    return std::move(nfa_);
  }

 private:
  // Sizes as if every shared node were copied, rules in the order of their references.
  void choose_inlined() {
    const std::size_t n = grammar_.rules.size();
    std::vector<std::vector<std::uint32_t>> references(n);
    std::vector<std::vector<NodeId>> nodes(n);
    for (RuleId rule = 0; rule < n; ++rule) {
      nodes[rule] = reachable_nodes(grammar_, grammar_.rules[rule].body);
      for (const NodeId id : nodes[rule]) {
        if (grammar_[id].kind == NodeKind::kRule) references[rule].push_back(grammar_[id].a);
      }
    }
    inlined_.assign(n, false);
    rule_size_.assign(n, 1);
    std::vector<std::uint64_t> uses(n);
    count_uses(grammar_.start, uses);
    for (RuleId rule = 0; rule < n; ++rule) count_uses(grammar_.rules[rule].body, uses);
    for (const auto& group : strong_components(references)) {
      const RuleId rule = group[0];
      const auto& own = references[rule];
      if (group.size() > 1 || std::find(own.begin(), own.end(), rule) != own.end()) continue;
      const std::uint64_t size = tree_size(grammar_.rules[rule].body);
      inlined_[rule] = (size <= kInlineSize || uses[rule] <= 1) && !grammar_.rules[rule].label;
      if (inlined_[rule]) rule_size_[rule] = size;
    }
    rank_rules();
  }

  void rank_rules() {
    std::vector<std::vector<std::uint32_t>> corners;
    const std::vector<bool> nullable = nullable_nodes(grammar_, std::vector<bool>(grammar_.rules.size()));
    for (const Rule& rule : grammar_.rules) corners.push_back(left_corners(grammar_, rule.body, nullable));
    nfa_.rule_ranks.resize(grammar_.rules.size());
    auto rank = static_cast<std::uint32_t>(grammar_.rules.size());
    for (const auto& group : strong_components(corners)) {
      for (const RuleId rule : group) nfa_.rule_ranks[rule] = --rank;
    }
  }

  void count_uses(NodeId root, std::vector<std::uint64_t>& uses) {
    std::unordered_map<NodeId, std::uint64_t> times;
    times[root] = 1;
    const std::vector<NodeId> nodes = reachable_nodes(grammar_, root);
    for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) {
      const std::uint64_t here = times[*it];
      if (grammar_[*it].kind == NodeKind::kRule) uses[grammar_[*it].a] = saturated(uses[grammar_[*it].a] + here);
      for (const NodeId child : grammar_.children(*it)) times[child] = saturated(times[child] + here);
    }
  }

  std::uint64_t tree_size(NodeId root) {
    for (const NodeId id : reachable_nodes(grammar_, root)) {
      if (sizes_.count(id) != 0) continue;
      const Node& node = grammar_[id];
      std::uint64_t size = 1;
      if (node.kind == NodeKind::kRule) {
        size = rule_size_[node.a];
      } else {
        for (const NodeId child : grammar_.children(id)) size += sizes_.at(child);
        if (node.kind == NodeKind::kSeq) --size;
        if (node.kind == NodeKind::kRepeat && unrolled(node)) size = saturated(sizes_.at(node.a) * copies(node));
      }
      sizes_.emplace(id, saturated(size));
    }
    return sizes_.at(root);
  }

  static std::uint64_t copies(const Node& node) {
    return static_cast<std::uint64_t>(std::max(node.max < 0 ? node.min : node.max, 1));
  }
  bool unrolled(const Node& node) const {
    if (node.max < 0 && node.min <= 1) return true;
    return saturated(sizes_.at(node.a)) * copies(node) <= kUnrollSize;
  }

  Nfa::StateId add(Nfa::State state) {
    if (nfa_.states.size() >= max_states_) {
      throw CompileError("the grammar needs more than " + std::to_string(max_states_) + " states");
    }
    nfa_.states.push_back(state);
    return static_cast<Nfa::StateId>(nfa_.states.size() - 1);
  }

  Nfa::StateId add_split(std::vector<Nfa::StateId> targets) {
    std::sort(targets.begin(), targets.end());
    targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
    if (targets.size() == 1) return targets[0];
    const auto offset = static_cast<std::uint32_t>(nfa_.splits.size());
    nfa_.splits.insert(nfa_.splits.end(), targets.begin(), targets.end());
    return add({Nfa::Kind::kSplit, offset, static_cast<std::uint32_t>(targets.size())});
  }

  // A state from which node's strings lead to `next`.
  Nfa::StateId build(NodeId id, Nfa::StateId next) {
    const std::uint64_t key = (static_cast<std::uint64_t>(id) << 32) | next;
    if (const auto found = built_.find(key); found != built_.end()) return found->second;
    if (++depth_ > kMaxDepth) throw CompileError("the grammar is nested too deeply");
    const Nfa::StateId made = build_new(id, next);
    --depth_;
    built_.emplace(key, made);
    return made;
  }

  Nfa::StateId build_new(NodeId id, Nfa::StateId next) {
    const Node node = grammar_[id];
    switch (node.kind) {
      case NodeKind::kNothing:
        return add({Nfa::Kind::kSplit, 0, 0});
      case NodeKind::kEmpty:
        return next;
      case NodeKind::kChars:
        return add({Nfa::Kind::kChars, machine(node), next});
      case NodeKind::kSeq: {
        std::vector<NodeId> parts;
        NodeId rest = id;
        for (; grammar_[rest].kind == NodeKind::kSeq; rest = grammar_[rest].b) parts.push_back(grammar_[rest].a);
        Nfa::StateId state = build(rest, next);
        for (auto it = parts.rbegin(); it != parts.rend(); ++it) state = build(*it, state);
        return state;
      }
      case NodeKind::kAlt: {
        std::vector<Nfa::StateId> targets;
        for (const NodeId child : grammar_.children(id)) targets.push_back(build(child, next));
        return add_split(std::move(targets));
      }
      case NodeKind::kRepeat:
        return build_repeat(node, next);
      case NodeKind::kIntersect:
      case NodeKind::kComplement:
      case NodeKind::kMachine:
        return add({Nfa::Kind::kBoolean, combination(id), next});
      case NodeKind::kRule:
        if (inlined_[node.a]) return build(grammar_.rules[node.a].body, next);
        if (seen_rules_.insert(node.a).second) pending_rules_.push_back(node.a);
        return add({Nfa::Kind::kCall, node.a, next});
    }
    return next;
  }

  Nfa::StateId build_repeat(const Node& node, Nfa::StateId next) {
    tree_size(node.a);
    if (unrolled(node)) {
      Nfa::StateId state = next;
      std::int32_t required = node.min;
      if (node.max < 0) {
        // The loop's split exists before its body, which leads back to it.
        const auto offset = static_cast<std::uint32_t>(nfa_.splits.size());
        nfa_.splits.insert(nfa_.splits.end(), {next, next});
        const Nfa::StateId loop = add({Nfa::Kind::kSplit, offset, 2});
        nfa_.splits[offset] = build(node.a, loop);
        state = loop;
        if (required > 0) state = nfa_.splits[offset], --required;
      } else {
        for (std::int32_t i = node.min; i < node.max; ++i) state = add_split({build(node.a, state), next});
      }
      for (; required > 0; --required) state = build(node.a, state);
      return state;
    }
    const auto counter = static_cast<std::uint32_t>(nfa_.counters.size());
    const Nfa::StateId head = add({Nfa::Kind::kHead, counter});
    const Nfa::StateId enter = add({Nfa::Kind::kEnter, counter});
    nfa_.counters.push_back({node.min, node.max, head, Nfa::kFinal, next});
    const Nfa::StateId again = add({Nfa::Kind::kNext, counter});
    const Nfa::StateId body = build(node.a, again);
    nfa_.counters[counter].body = body;
    return enter;
  }

  std::uint32_t combination(NodeId id) {
    if (const auto found = combinations_.find(id); found != combinations_.end()) return found->second;
    Nfa::Boolean operands;
    const std::vector<NodeId> parts =
        grammar_[id].kind == NodeKind::kIntersect ? grammar_.children(id) : std::vector<NodeId>{id};
    for (const NodeId part : parts) {
      const bool negated = grammar_[part].kind == NodeKind::kComplement;
      const NodeId operand = negated ? grammar_[part].a : part;
      if (grammar_[operand].kind == NodeKind::kMachine) {
        operands.push_back({Nfa::OperandKind::kMachine, grammar_[operand].a, negated});
      } else {
        operands.push_back({Nfa::OperandKind::kRegular, build(operand, Nfa::kFinal), negated});
      }
    }
    const auto made = static_cast<std::uint32_t>(nfa_.booleans.size());
    nfa_.booleans.push_back(std::move(operands));
    combinations_.emplace(id, made);
    return made;
  }

  bool calls_rules(Nfa::StateId start) const {
    std::vector<Nfa::StateId> todo = {start};
    std::unordered_set<Nfa::StateId> seen = {start};
    const auto visit = [&](Nfa::StateId state) {
      if (seen.insert(state).second) todo.push_back(state);
    };
    while (!todo.empty()) {
      const Nfa::State& state = nfa_.states[todo.back()];
      todo.pop_back();
      switch (state.kind) {
        case Nfa::Kind::kFinal:
          break;
        case Nfa::Kind::kChars:
        case Nfa::Kind::kBoolean:
          visit(state.b);
          break;
        case Nfa::Kind::kSplit:
          for (std::uint32_t i = 0; i < state.b; ++i) visit(nfa_.splits[state.a + i]);
          break;
        case Nfa::Kind::kCall:
          return true;
        case Nfa::Kind::kEnter:
        case Nfa::Kind::kHead:
        case Nfa::Kind::kNext:
          visit(nfa_.counters[state.a].head);
          visit(nfa_.counters[state.a].body);
          visit(nfa_.counters[state.a].exit);
          break;
      }
    }
    return false;
  }

  std::uint32_t machine(const Node& node) {
    const auto key = (static_cast<std::uint64_t>(node.b) << 32) | node.a;
    const auto [found, inserted] = machines_.emplace(key, static_cast<std::uint32_t>(nfa_.machines.size()));
    if (inserted) {
      nfa_.machines.push_back(byte_machine(grammar_.char_set(node.a), static_cast<Codec>(node.b)));
    }
    return found->second;
  }

  const Grammar& grammar_;
  std::size_t max_states_;
  Nfa nfa_;
  int depth_ = 0;
  std::vector<bool> inlined_;
  std::vector<std::uint64_t> rule_size_;
  std::unordered_map<NodeId, std::uint64_t> sizes_;
  std::unordered_map<std::uint64_t, Nfa::StateId> built_;
  std::unordered_map<NodeId, std::uint32_t> combinations_;
  std::unordered_map<std::uint64_t, std::uint32_t> machines_;
  std::unordered_set<RuleId> seen_rules_;
  std::vector<RuleId> pending_rules_;
};

}  // namespace

std::size_t Nfa::memory_bytes() const {
  return states.capacity() * sizeof(State) + splits.capacity() * sizeof(StateId) +
         counters.capacity() * sizeof(Counter) + booleans.capacity() * sizeof(Boolean) +
         machines.capacity() * sizeof(machines[0]) + (rule_starts.capacity() + rule_ranks.capacity()) * 4;
}

Nfa build_nfa(const Grammar& grammar, std::size_t max_states) { return Compiler(grammar, max_states).run(); }

std::vector<bool> alive_states(const Nfa& nfa, const std::vector<bool>& boolean_alive) {
  std::vector<bool> alive(nfa.states.size());
  const auto value = [&](Nfa::StateId id) -> bool {
    const Nfa::State& state = nfa.states[id];
    switch (state.kind) {
      case Nfa::Kind::kFinal:
      case Nfa::Kind::kNext:  // whether the counter can be left is decided at its head
        return true;
      case Nfa::Kind::kChars:
        return alive[state.b];
      case Nfa::Kind::kSplit:
        return std::any_of(nfa.splits.begin() + state.a, nfa.splits.begin() + state.a + state.b,
                           [&](Nfa::StateId target) { return alive[target]; });
      case Nfa::Kind::kCall:
        return alive[nfa.rule_starts[state.a]] && alive[state.b];
      case Nfa::Kind::kEnter:
        return alive[nfa.counters[state.a].head];
      case Nfa::Kind::kHead: {
        const Nfa::Counter& counter = nfa.counters[state.a];
        return alive[counter.exit] && (counter.min == 0 || alive[counter.body]);
      }
      case Nfa::Kind::kBoolean:
        return boolean_alive[state.a] && alive[state.b];
    }
    return false;
  };
  // Targets are mostly built before their sources, so few sweeps are needed.
  for (bool changed = true; changed;) {
    changed = false;
    for (Nfa::StateId id = 0; id < nfa.states.size(); ++id) {
      if (!alive[id] && value(id)) alive[id] = changed = true;
    }
  }
  return alive;
}

}  // namespace tamis
