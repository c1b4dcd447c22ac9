#include "ir.hpp"

#include <algorithm>
#include <cstddef>

#include "../hash.hpp"
#include "../special.hpp"

namespace tamis {
namespace {

constexpr int kFactored = 500;  // how many parts in a row alternatives are searched for a common beginning

}  // namespace

CharSet normalised(CharSet ranges) {
  std::sort(ranges.begin(), ranges.end());
  CharSet out;
  for (const auto& [low, high] : ranges) {
    if (low > high) continue;
    if (!out.empty() && low <= out.back().second + 1 && out.back().second != 0xFFFFFFFFU) {
      out.back().second = std::max(out.back().second, high);
    } else {
      out.emplace_back(low, high);
    }
  }
  return out;
}

CharSet set_union(const CharSet& a, const CharSet& b) {
  CharSet both = a;
  both.insert(both.end(), b.begin(), b.end());
  return normalised(std::move(both));
}

CharSet set_intersection(const CharSet& a, const CharSet& b) {
  CharSet out;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const std::uint32_t low = std::max(a[i].first, b[j].first);
    const std::uint32_t high = std::min(a[i].second, b[j].second);
    if (low <= high) out.emplace_back(low, high);
    (a[i].second < b[j].second ? i : j)++;
  }
  return out;
}

Grammar::Grammar() : index_(256, {0, kNothing}) {
  nodes_.push_back({NodeKind::kNothing});
  nodes_.push_back({NodeKind::kEmpty});
}

std::span<const NodeId> Grammar::children(NodeId id) const {
  static_assert(offsetof(Node, b) == offsetof(Node, a) + sizeof(NodeId));
  const Node& node = nodes_[id];
  switch (node.kind) {
    case NodeKind::kSeq:
      return {&node.a, 2};
    case NodeKind::kRepeat:
    case NodeKind::kComplement:
      return {&node.a, 1};
    default:
      return {child_pool_.data() + node.first_child, node.child_count};
  }
}

std::uint64_t Grammar::hash_of(const Node& node, std::span<const NodeId> children) {
  std::uint64_t h = mix(static_cast<std::uint64_t>(node.kind), static_cast<std::uint64_t>(node.a) << 32 | node.b);
  if (node.kind == NodeKind::kRepeat) {
    h = mix(h, static_cast<std::uint64_t>(static_cast<std::uint32_t>(node.min)) << 32 |
                   static_cast<std::uint32_t>(node.max));
  }
  return children.empty() ? h : hash_words(children.data(), children.size(), h);
}

NodeId Grammar::intern(Node node, const std::vector<NodeId>& children) {
  const std::uint64_t h = hash_of(node, children);
  const auto tag = static_cast<std::uint32_t>(h >> 32);
  const std::size_t mask = index_.size() - 1;
  std::size_t slot = h & mask;
  for (; index_[slot].second != kNothing; slot = (slot + 1) & mask) {
    if (index_[slot].first != tag) continue;
    const Node& other = nodes_[index_[slot].second];
    if (other.kind == node.kind && other.a == node.a && other.b == node.b && other.min == node.min &&
        other.max == node.max && other.child_count == children.size() &&
        std::equal(children.begin(), children.end(), child_pool_.begin() + other.first_child)) {
      return index_[slot].second;
    }
  }
  node.first_child = static_cast<std::uint32_t>(child_pool_.size());
  node.child_count = static_cast<std::uint32_t>(children.size());
  child_pool_.insert(child_pool_.end(), children.begin(), children.end());
  const auto id = static_cast<NodeId>(nodes_.size());
  nodes_.push_back(node);
  index_[slot] = {tag, id};
  if (nodes_.size() * 2 > index_.size()) grow_index();
  return id;
}

// The low half of a hash is its slot, so the whole hash is worked out again.
void Grammar::grow_index() {
  std::vector<std::pair<std::uint32_t, NodeId>> larger(index_.size() * 4, {0, kNothing});
  const std::size_t mask = larger.size() - 1;
  for (const auto& [tag, id] : index_) {
    if (id == kNothing) continue;
    const Node& node = nodes_[id];
    std::size_t slot = hash_of(node, {child_pool_.data() + node.first_child, node.child_count}) & mask;
    while (larger[slot].second != kNothing) slot = (slot + 1) & mask;
    larger[slot] = {tag, id};
  }
  index_ = std::move(larger);
}

std::uint32_t Grammar::intern_char_set(CharSet set) {
  std::uint64_t h = mix(0, set.size());
  for (const auto& [low, high] : set) h = mix(mix(h, low), high);
  const auto [begin, end] = char_set_index_.equal_range(h);
  for (auto it = begin; it != end; ++it) {
    if (char_sets_[it->second] == set) return it->second;
  }
  const auto id = static_cast<std::uint32_t>(char_sets_.size());
  char_sets_.push_back(std::move(set));
  char_set_index_.emplace(h, id);
  return id;
}

NodeId Grammar::chars(CharSet ranges, Codec codec) {
  static const CharSet kScalarValues = {{0, 0xD7FF}, {0xE000, 0x10FFFF}};
  static const CharSet kByteValues = {{0, 255}};
  CharSet set = set_intersection(normalised(std::move(ranges)), codec == Codec::kBytes ? kByteValues : kScalarValues);
  if (set.empty()) return kNothing;
  Node node{NodeKind::kChars};
  node.a = intern_char_set(std::move(set));
  node.b = static_cast<std::uint32_t>(codec);
  return intern(node);
}

NodeId Grammar::seq(NodeId first, NodeId second) {
  if (first == kNothing || second == kNothing) return kNothing;
  if (first == kEmpty) return second;
  if (second == kEmpty) return first;
  if (nodes_[first].kind != NodeKind::kSeq) return join(first, second);
  // Right-nested, so that common tails are one node: (a b) c becomes a (b c).
  std::vector<NodeId> left;
  while (nodes_[first].kind == NodeKind::kSeq) {
    left.push_back(nodes_[first].a);
    first = nodes_[first].b;
  }
  left.push_back(first);
  NodeId tail = second;
  for (auto it = left.rbegin(); it != left.rend(); ++it) {
    Node node{NodeKind::kSeq};
    node.a = *it;
    node.b = tail;
    tail = intern(node);
  }
  return tail;
}

NodeId Grammar::join(NodeId first, NodeId second) {
  if (first == kNothing || second == kNothing) return kNothing;
  if (first == kEmpty) return second;
  if (second == kEmpty) return first;
  Node node{NodeKind::kSeq};
  node.a = first;
  node.b = second;
  return intern(node);
}

NodeId Grammar::seq(const std::vector<NodeId>& nodes) {
  NodeId tail = kEmpty;
  for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) tail = seq(*it, tail);
  return tail;
}

NodeId Grammar::alt(const std::vector<NodeId>& nodes) { return alt(nodes, 0); }

// x a | x b | x  becomes  x (a | b | ε).
std::vector<NodeId> Grammar::factored(const std::vector<NodeId>& alternatives, int depth) {
  std::vector<std::pair<NodeId, NodeId>> parts;  // how each begins, and the rest
  parts.reserve(alternatives.size());
  for (const NodeId id : alternatives) {
    const Node& node = nodes_[id];
    parts.emplace_back(node.kind == NodeKind::kSeq ? node.a : id, node.kind == NodeKind::kSeq ? node.b : kEmpty);
  }
  std::sort(parts.begin(), parts.end());
  std::vector<NodeId> made;
  for (std::size_t i = 0; i < parts.size();) {
    std::vector<NodeId> rests;
    std::size_t end = i;
    for (; end < parts.size() && parts[end].first == parts[i].first; ++end) rests.push_back(parts[end].second);
    // Texts share their beginnings all the way; what branches by itself is not multiplied out.
    const bool branch =
        std::any_of(rests.begin(), rests.end(), [&](NodeId id) { return nodes_[id].kind == NodeKind::kAlt; });
    made.push_back(seq(parts[i].first, rests.size() == 1 ? rests[0] : alt(rests, branch ? kFactored : depth + 1)));
    i = end;
  }
  std::sort(made.begin(), made.end());
  return made;
}

NodeId Grammar::alt(const std::vector<NodeId>& nodes, int depth) {
  std::vector<NodeId> flat;
  CharSet merged[3];
  for (const NodeId id : nodes) {
    for (const NodeId child : nodes_[id].kind == NodeKind::kAlt ? children(id) : std::span(&id, 1)) {
      const Node& node = nodes_[child];
      if (child == kNothing) continue;
      if (node.kind == NodeKind::kChars) {
        merged[node.b].insert(merged[node.b].end(), char_sets_[node.a].begin(), char_sets_[node.a].end());
      } else {
        flat.push_back(child);
      }
    }
  }
  for (std::uint32_t codec = 0; codec < 3; ++codec) {
    if (!merged[codec].empty()) flat.push_back(chars(std::move(merged[codec]), static_cast<Codec>(codec)));
  }
  std::sort(flat.begin(), flat.end());
  flat.erase(std::unique(flat.begin(), flat.end()), flat.end());
  if (flat.size() > 1 && depth < kFactored) flat = factored(flat, depth);
  if (flat.empty()) return kNothing;
  if (flat.size() == 1) return flat[0];
  return intern({NodeKind::kAlt}, flat);
}

NodeId Grammar::either(NodeId first, NodeId second) {
  if (first == kNothing || first == second) return second;
  if (second == kNothing) return first;
  return intern({NodeKind::kAlt}, {std::min(first, second), std::max(first, second)});
}

NodeId Grammar::repeat(NodeId node, std::int32_t min, std::int32_t max) {
  if (min < 0 || (max >= 0 && max < min)) throw CompileError("repeat: need 0 <= min <= max");
  if (max == 0 || node == kEmpty) return kEmpty;
  if (node == kNothing) return min == 0 ? kEmpty : kNothing;
  if (min == 1 && max == 1) return node;
  if (min == 0 && max == 1) return optional(node);
  const Node inner = nodes_[node];
  if (inner.kind == NodeKind::kRepeat && (inner.min == 0 || (inner.min == 1 && min > 0))) {
    // Any number of copies up to the product can be cut into such groups; one counter reads it unambiguously.
    const std::int64_t product = inner.max < 0 || max < 0 ? -1 : static_cast<std::int64_t>(inner.max) * max;
    if (product <= INT32_MAX) return repeat(inner.a, inner.min == 0 ? 0 : min, static_cast<std::int32_t>(product));
  }
  Node out{NodeKind::kRepeat};
  out.a = node;
  out.min = min;
  out.max = max < 0 ? kUnbounded : max;
  return intern(out);
}

NodeId Grammar::intersect(const std::vector<NodeId>& nodes) {
  std::vector<NodeId> flat;
  for (const NodeId id : nodes) {
    for (const NodeId child : nodes_[id].kind == NodeKind::kIntersect ? children(id) : std::span(&id, 1)) {
      if (child == kNothing) return kNothing;
      flat.push_back(child);
    }
  }
  std::sort(flat.begin(), flat.end());
  flat.erase(std::unique(flat.begin(), flat.end()), flat.end());
  if (flat.empty()) return repeat(any_byte(), 0, kUnbounded);
  if (flat.size() == 1) return flat[0];
  const Node first = nodes_[flat[0]];
  if (std::all_of(flat.begin(), flat.end(),
                  [&](NodeId id) { return nodes_[id].kind == NodeKind::kChars && nodes_[id].b == first.b; })) {
    CharSet common = char_sets_[first.a];
    for (const NodeId id : flat) common = set_intersection(common, char_sets_[nodes_[id].a]);
    return chars(std::move(common), static_cast<Codec>(first.b));
  }
  return intern({NodeKind::kIntersect}, flat);
}

NodeId Grammar::complement(NodeId node) {
  if (nodes_[node].kind == NodeKind::kComplement) return nodes_[node].a;
  Node out{NodeKind::kComplement};
  out.a = node;
  return intern(out);
}

NodeId Grammar::machine(std::shared_ptr<const MachineSource> source) {
  Node out{NodeKind::kMachine};
  const auto known = std::find(machines.begin(), machines.end(), source);
  out.a = static_cast<std::uint32_t>(known - machines.begin());
  if (known == machines.end()) machines.push_back(std::move(source));
  return intern(out);
}

NodeId Grammar::special(const std::string& name) {
  if (std::find(specials.begin(), specials.end(), name) == specials.end()) specials.push_back(name);
  std::vector<NodeId> nodes;
  for (const char c : special_bytes(name)) {
    const auto byte = static_cast<std::uint8_t>(c);
    nodes.push_back(chars({{byte, byte}}, Codec::kBytes));
  }
  return seq(nodes);
}

RuleId Grammar::add_rule(std::string name) {
  rules.push_back({std::move(name), kNothing, false, false});
  return static_cast<RuleId>(rules.size() - 1);
}

NodeId Grammar::reference(RuleId rule) {
  Node node{NodeKind::kRule};
  node.a = rule;
  return intern(node);
}

NodeId Grammar::rule(std::string name) { return reference(add_rule(std::move(name))); }

NodeId Grammar::label(std::string name, NodeId node) {
  if (node == kNothing) return node;
  const RuleId made = add_rule(std::move(name));
  rules[made].body = node;
  rules[made].defined = rules[made].label = true;
  return reference(made);
}

void Grammar::define(NodeId rule_node, NodeId body) {
  if (rule_node >= nodes_.size() || nodes_[rule_node].kind != NodeKind::kRule) {
    throw CompileError("define: the first argument is not a rule");
  }
  Rule& rule = rules[nodes_[rule_node].a];
  if (rule.defined) throw CompileError("define: rule '" + rule.name + "' is defined twice");
  rule.body = body;
  rule.defined = true;
}

}  // namespace tamis
