// A slow recogniser straight from the meaning of the expressions: for every node and every place of a short text, where
// its language can end.  What the automaton says is compared with it.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "../automaton/byte_machine.hpp"
#include "../grammar/ir.hpp"

namespace tamis {

class Reference {
 public:
  static constexpr std::size_t kMostBytes = 31;  // sets of places are bits

  Reference(const Grammar& grammar, std::string_view text)
      : grammar_(grammar), text_(text), used_(grammar.size(), false), ends_(grammar.size() * (text.size() + 1), 0) {
    use(grammar.start);
    // What a node can be at a place hangs on what nodes can be at later places, and on itself at this one: a least
    // fixed point but for complements, which do not hang on themselves there (a grammar where they do is refused).  As
    // many
    // rounds settle it as complements hang on one another.
    for (std::size_t at = text.size() + 1; at-- > 0;) {
      for (std::size_t round = 0; round <= grammar.size(); ++round) {
        while (grow(at)) {
        }
        if (!complement(at)) break;
        forget(at);
      }
    }
  }

  // Bit i: the first i bytes are in the language.
  std::uint32_t prefixes() const { return ends(grammar_.start, 0); }

 private:
  std::uint32_t ends(NodeId node, std::size_t at) const { return ends_[node * (text_.size() + 1) + at]; }
  std::uint32_t& cell(NodeId node, std::size_t at) { return ends_[node * (text_.size() + 1) + at]; }

  // Marks what the start leads to: elsewhere complements may hang on themselves.
  void use(NodeId start) {
    std::vector<NodeId> waiting = {start};
    while (!waiting.empty()) {
      const NodeId node = waiting.back();
      waiting.pop_back();
      if (used_[node]) continue;
      used_[node] = true;
      for (const NodeId child : grammar_.children(node)) waiting.push_back(child);
      if (grammar_[node].kind == NodeKind::kRule) waiting.push_back(grammar_.rules[grammar_[node].a].body);
    }
  }

  bool grow(std::size_t at) {
    bool changed = false;
    for (NodeId node = 0; node < grammar_.size(); ++node) {
      if (!used_[node] || grammar_[node].kind == NodeKind::kComplement) continue;
      const std::uint32_t found = value(node, at);
      changed |= found != ends(node, at);
      cell(node, at) = found;
    }
    return changed;
  }
  bool complement(std::size_t at) {
    bool changed = false;
    for (NodeId node = 0; node < grammar_.size(); ++node) {
      if (!used_[node] || grammar_[node].kind != NodeKind::kComplement) continue;
      const std::uint32_t all = (std::uint32_t{2} << text_.size()) - 1;
      const std::uint32_t found = all & ~((std::uint32_t{1} << at) - 1) & ~ends(grammar_[node].a, at);
      changed |= found != ends(node, at);
      cell(node, at) = found;
    }
    return changed;
  }
  // What was found with other complements does not count.
  void forget(std::size_t at) {
    for (NodeId node = 0; node < grammar_.size(); ++node) {
      if (grammar_[node].kind != NodeKind::kComplement) cell(node, at) = 0;
    }
  }

  // The ends of `node` behind every place of a set.
  std::uint32_t then(std::uint32_t places, NodeId node) const {
    std::uint32_t result = 0;
    for (; places != 0; places &= places - 1) {
      result |= ends(node, static_cast<std::size_t>(std::countr_zero(places)));
    }
    return result;
  }

  std::uint32_t value(NodeId id, std::size_t at) const {
    const Node& node = grammar_[id];
    const std::uint32_t here = std::uint32_t{1} << at;
    switch (node.kind) {
      case NodeKind::kNothing:
      case NodeKind::kComplement:
        return 0;
      case NodeKind::kEmpty:
        return here;
      case NodeKind::kChars:
        return character(node, at);
      case NodeKind::kSeq:
        return then(then(here, node.a), node.b);
      case NodeKind::kAlt: {
        std::uint32_t result = 0;
        for (const NodeId child : grammar_.children(id)) result |= ends(child, at);
        return result;
      }
      case NodeKind::kIntersect: {
        std::uint32_t result = ~std::uint32_t{0};
        for (const NodeId child : grammar_.children(id)) result &= ends(child, at);
        return result;
      }
      case NodeKind::kRepeat:
        return repeat(node, here);
      case NodeKind::kRule:
        return ends(grammar_.rules[node.a].body, at);
      case NodeKind::kMachine:
        return machine(node, at);
    }
    return 0;
  }

  // Past as many rounds as there are places, another one changes nothing but what the first ones could do.
  std::uint32_t repeat(const Node& node, std::uint32_t here) const {
    const auto enough = static_cast<std::int32_t>(text_.size()) + 2;
    const std::int32_t most = node.max < 0 ? node.min + enough : node.max;
    std::uint32_t places = here;
    std::uint32_t result = node.min == 0 ? here : 0;
    std::uint32_t before = 0;
    for (std::int32_t round = 1; round <= most && places != 0; ++round) {
      before = places;
      places = then(places, node.a);
      if (round >= node.min) result |= places;
      if (places == before && round < node.min) round = node.min - 1;  // the rounds up to there change nothing
      if (places == before && round >= node.min) break;
    }
    return result;
  }

  std::uint32_t character(const Node& node, std::size_t at) const {
    const auto machine = byte_machine(grammar_.char_set(node.a), static_cast<Codec>(node.b));
    ByteMachine::State state = ByteMachine::kStart;
    for (std::size_t end = at; end < text_.size(); ++end) {
      state = machine->step(state, static_cast<std::uint8_t>(text_[end]));
      if (state == ByteMachine::kDead) return 0;
      if (state == ByteMachine::kAccept) return std::uint32_t{2} << end;
    }
    return 0;
  }

  std::uint32_t machine(const Node& node, std::size_t at) const {
    const auto machine = grammar_.machines[node.a]->make();
    Machine::State state = machine->start();
    std::uint32_t result = 0;
    for (std::size_t end = at;; ++end) {
      if (machine->is_complete(state)) result |= std::uint32_t{1} << end;
      if (end == text_.size()) return result;
      state = machine->step(state, static_cast<std::uint8_t>(text_[end]));
      if (state == Machine::kDead) return result;
    }
  }

  const Grammar& grammar_;
  std::string_view text_;
  std::vector<bool> used_;
  std::vector<std::uint32_t> ends_;
};

}  // namespace tamis
