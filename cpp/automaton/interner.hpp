// Hash-consing of short integer sequences: equal sequences get equal ids, ids are dense.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "../hash.hpp"
#include "../small_vector.hpp"

namespace tamis {

template <typename T>
class Interner {
 public:
  Interner() : table_(16, kFree) {}

  std::uint32_t intern(std::initializer_list<T> sequence) {
    return intern(std::span<const T>(sequence.begin(), sequence.size()));
  }
  std::uint32_t intern(std::span<const T> sequence) {
    const std::uint64_t h = hash_words(sequence.data(), sequence.size());
    for (std::size_t slot = h & (table_.size() - 1);; slot = (slot + 1) & (table_.size() - 1)) {
      const std::uint32_t id = table_[slot];
      if (id == kFree) {
        return insert(sequence, h, slot);
      }
      if (hashes_[id] == h && std::equal(sequence.begin(), sequence.end(), begin(id), end(id))) return id;
    }
  }

  // Valid until the next intern().
  const T* begin(std::uint32_t id) const { return pool_.data() + offsets_[id]; }
  const T* end(std::uint32_t id) const { return pool_.data() + offsets_[id + 1]; }
  std::size_t length(std::uint32_t id) const { return offsets_[id + 1] - offsets_[id]; }
  std::vector<T> copy(std::uint32_t id) const { return {begin(id), end(id)}; }
  SmallVector<T> few(std::uint32_t id) const { return {begin(id), end(id)}; }  // the same, mostly on the stack

  std::size_t size() const { return hashes_.size(); }
  std::size_t memory_bytes() const {
    return pool_.capacity() * sizeof(T) + (offsets_.capacity() + hashes_.capacity()) * 8 + table_.capacity() * 4;
  }

 private:
  static constexpr std::uint32_t kFree = 0xFFFFFFFFU;

  std::uint32_t insert(std::span<const T> sequence, std::uint64_t h, std::size_t slot) {
    const auto id = static_cast<std::uint32_t>(hashes_.size());
    pool_.insert(pool_.end(), sequence.begin(), sequence.end());
    offsets_.push_back(pool_.size());
    hashes_.push_back(h);
    table_[slot] = id;
    if (hashes_.size() * 2 > table_.size()) grow();
    return id;
  }

  void grow() {
    table_.assign(table_.size() * 2, kFree);
    for (std::uint32_t id = 0; id < hashes_.size(); ++id) {
      std::size_t slot = hashes_[id] & (table_.size() - 1);
      while (table_[slot] != kFree) slot = (slot + 1) & (table_.size() - 1);
      table_[slot] = id;
    }
  }

  std::vector<T> pool_;
  std::vector<std::uint64_t> offsets_ = {0};
  std::vector<std::uint64_t> hashes_;
  std::vector<std::uint32_t> table_;
};

}  // namespace tamis
