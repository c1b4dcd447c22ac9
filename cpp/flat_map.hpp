// A hash table from 64-bit keys to small values: open addressing, no deletion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "hash.hpp"

namespace tamis {

// The key ~0 is reserved.
template <typename Value>
class FlatMap {
 public:
  FlatMap() : keys_(16, kFree), values_(16) {}

  // Valid until the next insert(); null where there is none.
  const Value* find(std::uint64_t key) const {
    const std::size_t slot = slot_of(key);
    return keys_[slot] == key ? &values_[slot] : nullptr;
  }

  void insert(std::uint64_t key, Value value) {
    std::size_t slot = slot_of(key);
    if (keys_[slot] != key) {
      if (++size_ * 2 > keys_.size()) {
        grow();
        slot = slot_of(key);
      }
      keys_[slot] = key;
    }
    values_[slot] = value;
  }

  std::size_t size() const { return size_; }
  std::size_t memory_bytes() const { return keys_.capacity() * (sizeof(std::uint64_t) + sizeof(Value)); }

 private:
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};

  std::size_t slot_of(std::uint64_t key) const {
    std::size_t slot = mix(0, key) & (keys_.size() - 1);
    while (keys_[slot] != kFree && keys_[slot] != key) slot = (slot + 1) & (keys_.size() - 1);
    return slot;
  }

  void grow() {
    std::vector<std::uint64_t> keys(keys_.size() * 2, kFree);
    std::vector<Value> values(keys_.size() * 2);
    keys.swap(keys_);
    values.swap(values_);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (keys[i] == kFree) continue;
      const std::size_t slot = slot_of(keys[i]);
      keys_[slot] = keys[i];
      values_[slot] = values[i];
    }
  }

  std::vector<std::uint64_t> keys_;
  std::vector<Value> values_;
  std::size_t size_ = 0;
};

}  // namespace tamis
