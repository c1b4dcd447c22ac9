#include "trie.hpp"

#include <algorithm>
#include <string>

namespace tamis {
namespace {

constexpr std::uint32_t kRepeated = 4;

}  // namespace

Trie::Trie(std::vector<std::pair<std::string_view, TokenId>> strings) {
  std::sort(strings.begin(), strings.end());
  nodes_.clear();
  tokens_.reserve(strings.size());
  std::vector<std::uint32_t> open;  // the path to the string before
  std::string_view path;
  const auto close = [&](std::size_t depth) {
    for (; open.size() > depth; open.pop_back()) nodes_[open.back()].skip = static_cast<std::uint32_t>(nodes_.size());
  };
  for (const auto& [bytes, token] : strings) {
    const auto split = std::mismatch(path.begin(), path.end(), bytes.begin(), bytes.end()).first;
    close(static_cast<std::size_t>(split - path.begin()));
    for (std::size_t depth = open.size(); depth < bytes.size(); ++depth) {
      open.push_back(static_cast<std::uint32_t>(nodes_.size()));
      nodes_.push_back({static_cast<std::uint8_t>(bytes[depth]), static_cast<std::uint32_t>(depth), 0,
                        static_cast<std::uint32_t>(tokens_.size())});
    }
    path = bytes;
    height_ = std::max(height_, static_cast<std::uint32_t>(bytes.size()));
    tokens_.push_back(token);
  }
  close(0);
  nodes_.push_back({0, 0, static_cast<std::uint32_t>(nodes_.size() + 1), static_cast<std::uint32_t>(tokens_.size())});
  first_child_.clear();
  const auto add_children = [&](std::uint32_t first, std::uint32_t end) {
    first_child_.push_back(static_cast<std::uint32_t>(child_nodes_.size()));
    for (std::uint32_t child = first; child < end; child = nodes_[child].skip) {
      child_bytes_.push_back(nodes_[child].byte);
      child_nodes_.push_back(child);
    }
  };
  for (std::uint32_t i = 0; i < size(); ++i) add_children(i + 1, nodes_[i].skip);
  add_children(0, size());
  first_child_.push_back(static_cast<std::uint32_t>(child_nodes_.size()));
  repeats_.resize(size(), false);
  std::vector<std::uint32_t> level(height_ + 1);  // the open node of each depth
  for (std::uint32_t i = 0; i < size(); ++i) {
    const std::uint32_t depth = nodes_[i].depth;
    level[depth] = i;
    if (depth < kRepeated) continue;
    bool same = true;
    for (std::uint32_t d = 1; d < kRepeated; ++d) same = same && nodes_[level[depth - d]].byte == nodes_[i].byte;
    if (same) repeats_[level[depth - kRepeated]] = true;
  }
}

std::size_t Trie::memory_bytes() const {
  return nodes_.capacity() * sizeof(Node) +
         (tokens_.capacity() + first_child_.capacity() + child_nodes_.capacity()) * 4 + child_bytes_.capacity() +
         repeats_.capacity() / 8;
}

}  // namespace tamis
