#include "nfa.hpp"

#include <algorithm>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "../flat_map.hpp"
#include "../grammar/analysis.hpp"

namespace tamis {
namespace {

constexpr std::uint64_t kInlineSize = 48;    // rules up to this many states are copied where they are used,
constexpr std::uint64_t kSharedSize = 12;    // or this many if they are meant to be shared
constexpr std::uint64_t kUnrollSize = 24;    // bounded repeats up to this many states are written out
constexpr std::uint64_t kUnrolledChars = 3;  // but not more than this of one character
constexpr std::uint64_t kEagerSize = 8;      // larger tails of sequences are left for later
constexpr std::uint64_t kHuge = 1ULL << 40;  // sizes saturate here
constexpr int kMaxDepth = 20000;

std::uint64_t saturated(std::uint64_t value) { return std::min(value, kHuge); }

}  // namespace

class Nfa::Compiler {
 public:
  Compiler(const Grammar& grammar, Nfa& nfa, std::size_t max_states)
      : grammar_(grammar),
        nfa_(nfa),
        max_states_(max_states),
        labelled_(std::any_of(grammar.rules.begin(), grammar.rules.end(), [](const auto& rule) { return rule.label; })),
        sizes_(grammar.size()) {
    const Reach reached = reach(grammar);
    choose_inlined();
    calls_rules_ = find_calls(false);
    leads_to_rules_ = find_calls(true);
    make_machines(reached);
    rank_rules();
  }

  // A state from which node's strings lead to `next`.
  Nfa::StateId build(NodeId id, Nfa::StateId next) {
    const std::uint64_t key = (static_cast<std::uint64_t>(id) << 32) | next;
    if (const auto* found = built_.find(key)) return *found;
    struct Nesting {
      int& depth;
      ~Nesting() { --depth; }
    } nesting{depth_};
    if (++depth_ > kMaxDepth) throw CompileError("the grammar is nested too deeply");
    const Nfa::StateId made = build_new(id, next);
    built_.insert(key, made);
    return made;
  }

  // The body of a rule.  That of a labelled one has an end of its own, so that it shares no state with others.
  Nfa::StateId build_rule(RuleId rule) {
    if (!grammar_.rules[rule].label) return build_as(Nfa::kNoRule, grammar_.rules[rule].body, Nfa::kFinal);
    const auto offset = static_cast<std::uint32_t>(nfa_.splits.size());
    nfa_.splits.push_back(Nfa::kFinal);
    return build_as(rule, grammar_.rules[rule].body, add({Nfa::Kind::kSplit, offset, 1}));
  }

  std::uint32_t combination(NodeId id) {
    if (const auto found = combinations_.find(id); found != combinations_.end()) return found->second;
    Nfa::Boolean operands;
    const auto parts = grammar_[id].kind == NodeKind::kIntersect ? grammar_.children(id) : std::span(&id, 1);
    for (const NodeId part : parts) {
      const bool negated = grammar_[part].kind == NodeKind::kComplement;
      const NodeId operand = negated ? grammar_[part].a : part;
      if (grammar_[operand].kind == NodeKind::kMachine) {
        operands.push_back({Nfa::OperandKind::kMachine, grammar_[operand].a, negated, false, false, operand});
        continue;
      }
      const Nfa::StateId start = build_as(Nfa::kNoRule, operand, Nfa::kFinal);
      const auto kind = calls_rules_[operand] ? Nfa::OperandKind::kGrammar : Nfa::OperandKind::kRegular;
      operands.push_back({kind, start, negated, is_finite(operand), !leads_to_rules_[operand], operand});
    }
    const auto made = static_cast<std::uint32_t>(nfa_.booleans.size());
    nfa_.booleans.push_back(std::move(operands));
    combinations_.emplace(id, made);
    return made;
  }

  bool is_finite(NodeId id) {
    for (auto next = static_cast<NodeId>(finite_.size()); next <= id; ++next) {
      const Node& node = grammar_[next];
      const auto children = grammar_.children(next);
      finite_.push_back(node.kind != NodeKind::kComplement && node.kind != NodeKind::kMachine &&
                        node.kind != NodeKind::kRule && (node.kind != NodeKind::kRepeat || node.max >= 0) &&
                        std::all_of(children.begin(), children.end(), [&](NodeId child) { return finite_[child]; }));
    }
    return finite_[id];
  }

  void build_later(Nfa::StateId state) {
    const Nfa::State later = nfa_.states[state];
    const Owned owned(owner_, labelled_ ? nfa_.owners[state] : Nfa::kNoRule);
    const Nfa::StateId target = build_new(later.a, later.b);
    nfa_.states[state] = {Nfa::Kind::kSplit, static_cast<std::uint32_t>(nfa_.splits.size()), 1};
    nfa_.splits.push_back(target);
  }

  std::size_t memory_bytes() const { return sizes_.capacity() * 8 + built_.memory_bytes(); }

 private:
  // The states that are built while it lasts belong to a rule.
  struct Owned {
    Owned(RuleId& owner, RuleId rule) : owner(owner), around(std::exchange(owner, rule)) {}
    ~Owned() { owner = around; }
    RuleId& owner;
    RuleId around;
  };

  Nfa::StateId build_as(RuleId owner, NodeId id, Nfa::StateId next) {
    const Owned owned(owner_, owner);
    return build(id, next);
  }

  // Sizes as if every shared node were copied, rules in the order of their references.
  void choose_inlined() {
    const auto calls = references(grammar_);
    inlined_.assign(grammar_.rules.size(), false);
    rule_size_.assign(grammar_.rules.size(), 1);
    const std::vector<std::uint64_t> uses = count_uses();
    for (const auto& component : strong_components(calls)) {
      if (is_cycle(component, calls)) continue;
      const RuleId rule = component[0];
      const std::uint64_t size = tree_size(grammar_.rules[rule].body);
      const std::uint64_t most = grammar_.rules[rule].shared ? kSharedSize : kInlineSize;
      inlined_[rule] = (size <= most || uses[rule] <= 1) && !grammar_.rules[rule].label;
      if (inlined_[rule]) rule_size_[rule] = size;
    }
  }

  // Nodes that call rules which are not inlined.  The operands of combinations in them call on their own account, and
  // count only if asked for, as do machines.
  std::vector<bool> find_calls(bool through_combinations) const {
    std::vector<bool> calls(grammar_.size(), false);
    std::vector<bool> rules(grammar_.rules.size());
    for (RuleId rule = 0; rule < rules.size(); ++rule) rules[rule] = !inlined_[rule];
    for (bool changed = true; changed;) {
      changed = false;
      for (NodeId id = 0; id < grammar_.size(); ++id) {
        const NodeKind kind = grammar_[id].kind;
        if (kind == NodeKind::kRule) calls[id] = rules[grammar_[id].a];
        if (kind == NodeKind::kMachine) calls[id] = through_combinations;
        if (!through_combinations && (kind == NodeKind::kIntersect || kind == NodeKind::kComplement)) continue;
        for (const NodeId child : grammar_.children(id)) {
          if (calls[child]) calls[id] = true;
        }
      }
      for (RuleId rule = 0; rule < rules.size(); ++rule) {
        if (!rules[rule] && calls[grammar_.rules[rule].body]) rules[rule] = changed = true;
      }
    }
    return calls;
  }

  // How often each rule is written, with shared nodes copied.
  std::vector<std::uint64_t> count_uses() const {
    std::vector<std::uint64_t> times(grammar_.size());
    times[grammar_.start] = 1;
    for (const Rule& rule : grammar_.rules) ++times[rule.body];
    std::vector<std::uint64_t> uses(grammar_.rules.size());
    for (auto id = static_cast<NodeId>(grammar_.size()); id-- > 0;) {
      if (times[id] == 0) continue;
      if (grammar_[id].kind == NodeKind::kRule) uses[grammar_[id].a] = saturated(uses[grammar_[id].a] + times[id]);
      for (const NodeId child : grammar_.children(id)) times[child] = saturated(times[child] + times[id]);
    }
    return uses;
  }

  void rank_rules() {
    nfa_.rule_ranks.resize(grammar_.rules.size());
    auto rank = static_cast<std::uint32_t>(grammar_.rules.size());
    for (const auto& component : strong_components(rule_corners(grammar_))) {
      for (const RuleId rule : component) nfa_.rule_ranks[rule] = --rank;
    }
  }

  void make_machines(const Reach& reached) {
    machine_of_.assign(grammar_.size(), 0);
    for (NodeId id = 0; id < grammar_.size(); ++id) {
      const Node& node = grammar_[id];
      if (!reached.nodes[id] || node.kind != NodeKind::kChars) continue;
      auto machine = byte_machine(grammar_.char_set(node.a), static_cast<Codec>(node.b));
      const auto known = std::find(nfa_.machines.begin(), nfa_.machines.end(), machine);
      machine_of_[id] = static_cast<std::uint32_t>(known - nfa_.machines.begin());
      if (known == nfa_.machines.end()) nfa_.machines.push_back(std::move(machine));
    }
  }

  std::uint64_t tree_size(NodeId root) {
    if (sizes_[root] != 0) return sizes_[root];
    std::vector<NodeId> todo = {root};
    std::vector<NodeId> unsized;
    while (!todo.empty()) {
      const NodeId id = todo.back();
      todo.pop_back();
      if (sizes_[id] != 0) continue;
      sizes_[id] = 1;  // met
      unsized.push_back(id);
      for (const NodeId child : grammar_.children(id)) todo.push_back(child);
    }
    std::sort(unsized.begin(), unsized.end());
    for (const NodeId id : unsized) {
      const Node& node = grammar_[id];
      std::uint64_t size = 1;
      if (node.kind == NodeKind::kRule) {
        size = rule_size_[node.a];
      } else {
        for (const NodeId child : grammar_.children(id)) size += sizes_[child];
        if (node.kind == NodeKind::kSeq) --size;
        if (node.kind == NodeKind::kRepeat && unrolled(node)) size = saturated(sizes_[node.a] * copies(node));
      }
      sizes_[id] = saturated(size);
    }
    return sizes_[root];
  }

  static std::uint64_t copies(const Node& node) {
    return static_cast<std::uint64_t>(std::max(node.max < 0 ? node.min : node.max, 1));
  }
  bool unrolled(const Node& node) const {
    if (node.max < 0 && node.min <= 1) return true;
    // A counter over characters is a loop that masks need not go round one by one.
    if (grammar_[node.a].kind == NodeKind::kChars && copies(node) > kUnrolledChars) return false;
    return saturated(sizes_[node.a]) * copies(node) <= kUnrollSize;
  }

  Nfa::StateId add(Nfa::State state) {
    if (nfa_.states.size() >= max_states_) {
      throw CompileError("the grammar needs more than " + std::to_string(max_states_) + " states");
    }
    nfa_.states.push_back(state);
    if (labelled_) nfa_.owners.resize(nfa_.states.size(), owner_);
    return static_cast<Nfa::StateId>(nfa_.states.size() - 1);
  }

  Nfa::StateId later(NodeId id, Nfa::StateId next) {
    tree_size(id);
    if (sizes_[id] <= kEagerSize) return build(id, next);
    const std::uint64_t key = (static_cast<std::uint64_t>(id) << 32) | next;
    if (const auto* found = built_.find(key)) return *found;
    const Nfa::StateId made = add({Nfa::Kind::kLater, id, next});
    built_.insert(key, made);
    return made;
  }

  Nfa::StateId add_split(std::vector<Nfa::StateId> targets) {
    std::sort(targets.begin(), targets.end());
    targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
    if (targets.size() == 1) return targets[0];
    const auto offset = static_cast<std::uint32_t>(nfa_.splits.size());
    nfa_.splits.insert(nfa_.splits.end(), targets.begin(), targets.end());
    return add({Nfa::Kind::kSplit, offset, static_cast<std::uint32_t>(targets.size())});
  }

  Nfa::StateId build_new(NodeId id, Nfa::StateId next) {
    const Node node = grammar_[id];
    switch (node.kind) {
      case NodeKind::kNothing:
        return add({Nfa::Kind::kSplit, 0, 0});
      case NodeKind::kEmpty:
        return next;
      case NodeKind::kChars:
        return add({Nfa::Kind::kChars, machine_of_[id], next});
      case NodeKind::kSeq: {
        tree_size(id);
        if (sizes_[id] > kEagerSize) {
          // The first part now; what follows it is built when the first part has been read.
          return build(node.a, later(node.b, next));
        }
        std::vector<NodeId> parts;
        NodeId rest = id;
        for (; grammar_[rest].kind == NodeKind::kSeq; rest = grammar_[rest].b) parts.push_back(grammar_[rest].a);
        Nfa::StateId state = build(rest, next);
        for (auto it = parts.rbegin(); it != parts.rend(); ++it) state = build(*it, state);
        return state;
      }
      case NodeKind::kAlt: {
        std::vector<Nfa::StateId> targets;
        for (const NodeId child : grammar_.children(id)) {
          // Alternatives may hold each other in long chains.
          targets.push_back(grammar_[child].kind == NodeKind::kAlt ? later(child, next) : build(child, next));
        }
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

  const Grammar& grammar_;
  Nfa& nfa_;
  std::size_t max_states_;
  bool labelled_;
  RuleId owner_ = Nfa::kNoRule;  // of the states being built
  int depth_ = 0;
  std::vector<bool> inlined_;
  std::vector<bool> finite_;  // per node, as far as asked for
  std::vector<std::uint64_t> rule_size_;
  std::vector<std::uint64_t> sizes_;  // per node, 0 until known
  std::vector<std::uint32_t> machine_of_;
  std::vector<bool> calls_rules_;     // per node: a rule that is not inlined
  std::vector<bool> leads_to_rules_;  // per node: that, or a machine, also inside of combinations
  FlatMap<Nfa::StateId> built_;
  std::unordered_map<NodeId, std::uint32_t> combinations_;
};

Nfa::Nfa(std::shared_ptr<const Grammar> grammar, std::size_t max_states)
    : grammar_(std::move(grammar)), rule_starts_(grammar_->rules.size(), kFinal) {
  states.push_back({Kind::kFinal});
  compiler_ = std::make_unique<Compiler>(*grammar_, *this, max_states);
  start = compiler_->build(grammar_->start, kFinal);
}

Nfa::~Nfa() = default;

// What is not to be built shows while the automaton is in use.
template <class Build>
static auto late(Build build) {
  try {
    return build();
  } catch (const CompileError& error) {
    throw LimitError(error.what());
  }
}

Nfa::StateId Nfa::rule_start(RuleId rule) {
  if (rule_starts_[rule] == kFinal) rule_starts_[rule] = late([&] { return compiler_->build_rule(rule); });
  return rule_starts_[rule];
}

void Nfa::build_later(StateId state) {
  late([&] { compiler_->build_later(state); });
}

std::uint32_t Nfa::combination(NodeId node) {
  return late([&] { return compiler_->combination(node); });
}

std::size_t Nfa::memory_bytes() const {
  return states.capacity() * sizeof(State) + splits.capacity() * sizeof(StateId) + counters.size() * sizeof(Counter) +
         booleans.size() * sizeof(Boolean) + machines.capacity() * sizeof(machines[0]) +
         (rule_starts_.capacity() + rule_ranks.capacity()) * 4 + compiler_->memory_bytes();
}

}  // namespace tamis
