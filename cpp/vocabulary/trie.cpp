#include "trie.hpp"

#include <algorithm>
#include <string>

namespace tamis {

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
  for (std::uint32_t i = 0; i < size(); i = nodes_[i].skip) roots_.push_back(i);
}

std::size_t Trie::memory_bytes() const {
  return nodes_.capacity() * sizeof(Node) + (tokens_.capacity() + roots_.capacity()) * 4;
}

}  // namespace tamis
