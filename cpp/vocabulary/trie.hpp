// Byte strings that belong to tokens, as a trie in depth-first order: the subtree of node i is i .. node.skip.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace tamis {

using TokenId = std::int32_t;

class Trie {
 public:
  struct Node {
    std::uint8_t byte;
    std::uint32_t depth;
    std::uint32_t skip;         // the first node after this one's subtree
    std::uint32_t first_token;  // tokens ending here: tokens()[first_token ..] up to the next node's first_token
  };

  Trie() = default;
  explicit Trie(std::vector<std::pair<std::string_view, TokenId>> strings);  // none of them empty

  std::uint32_t size() const { return static_cast<std::uint32_t>(nodes_.size() - 1); }
  const Node& operator[](std::uint32_t node) const { return nodes_[node]; }  // one more than size(), to look ahead
  const std::vector<TokenId>& tokens() const { return tokens_; }
  // The tokens that end in the subtree of a node.
  std::uint32_t tokens_below(std::uint32_t node) const {
    return nodes_[nodes_[node].skip].first_token - nodes_[node].first_token;
  }
  // The children of a node, by byte; those of node size() are the first nodes of all strings.
  struct Children {
    std::span<const std::uint8_t> bytes;
    std::span<const std::uint32_t> nodes;
  };
  Children children(std::uint32_t node) const {
    const std::uint32_t first = first_child_[node];
    const std::uint32_t count = first_child_[node + 1] - first;
    return {{child_bytes_.data() + first, count}, {child_nodes_.data() + first, count}};
  }
  std::span<const std::uint32_t> roots() const { return children(size()).nodes; }
  // Whether the strings below go on with the same byte several times: the only ones that are worth a loop in a small
  // subtree.
  bool repeats(std::uint32_t node) const { return repeats_[node]; }
  std::uint32_t height() const { return height_; }
  std::size_t memory_bytes() const;

 private:
  std::vector<Node> nodes_ = {{0, 0, 1, 0}};
  std::vector<TokenId> tokens_;
  std::vector<std::uint32_t> first_child_ = {0, 0};
  std::vector<std::uint8_t> child_bytes_;
  std::vector<std::uint32_t> child_nodes_;
  std::vector<bool> repeats_;
  std::uint32_t height_ = 0;
};

}  // namespace tamis
