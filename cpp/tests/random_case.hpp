// Arbitrary bytes as a grammar and texts to try on it: random tests and the fuzzer draw their cases from here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../grammar/ir.hpp"
#include "reference.hpp"

namespace tamis {

// As many a as b, never more b than a before, at most eight ahead: a language of no finite automaton, but a short one.
class Balance final : public MachineSource {
 public:
  explicit Balance(bool empty) : empty_(empty) {}

  std::unique_ptr<Machine> make() const override {
    struct Counter final : Machine {
      explicit Counter(bool empty) : empty(empty) {}
      State start() override { return empty ? 1 : 0; }  // 0: nothing read yet; 1 + n: n ahead
      State step(State state, std::uint8_t byte) override {
        const State ahead = state == 0 ? 0 : state - 1;
        if (byte == 'a') return ahead < 8 ? ahead + 2 : kDead;
        return byte == 'b' && ahead > 0 ? ahead : kDead;
      }
      bool is_complete(State state) override { return state == 1; }
      std::size_t memory_bytes() const override { return sizeof *this; }
      bool empty;
    };
    return std::make_unique<Counter>(empty_);
  }
  bool accepts_empty() const override { return empty_; }

 private:
  bool empty_;
};

struct RandomCase {
  Grammar grammar;
  std::vector<std::string> texts;

  RandomCase(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {
    std::vector<NodeId> rules;
    for (const char* name : {"s", "t", "u"}) rules.push_back(grammar.rule(name));
    pool_ = {Grammar::kEmpty, letter('a'), letter('b')};
    pool_.insert(pool_.end(), rules.begin(), rules.end());
    const int operations = 1 + take() % 24;
    for (int i = 0; i < operations; ++i) pool_.push_back(operation());
    for (std::size_t i = 0; i < rules.size(); ++i) grammar.define(rules[i], pool_[pool_.size() - 1 - take() % 7]);
    grammar.start = pool_.back();
    while (size_ > 0 && texts.size() < 8) texts.push_back(text());
  }

 private:
  std::uint8_t take() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  NodeId any() { return pool_[take() % pool_.size()]; }
  NodeId letter(char c) {
    const auto byte = static_cast<std::uint8_t>(c);
    return grammar.chars({{byte, byte}}, Codec::kBytes);
  }

  NodeId operation() {
    static constexpr std::array<std::pair<int, int>, 10> kBounds = {
        {{0, -1}, {1, -1}, {0, 1}, {2, 2}, {0, 3}, {2, -1}, {3, 40}, {0, 30}, {1, 200}, {200, -1}}};
    // The last few nodes are taken more often, so that expressions grow.
    const auto recent = [&] { return take() % 2 == 0 ? any() : pool_[pool_.size() - 1 - take() % 3]; };
    switch (take() % 14) {
      case 0:
        return characters(Codec::kBytes);
      case 1:
        return characters(Codec::kUtf8);
      case 2:
        return characters(Codec::kJson);
      case 3:
      case 4:
      case 5:
        return grammar.seq(recent(), recent());
      case 6:
      case 7:
        return grammar.alt({recent(), recent()});
      case 8:
      case 9: {
        const auto [min, max] = kBounds[take() % kBounds.size()];
        return grammar.repeat(recent(), min, max);
      }
      case 10:
        return grammar.intersect({recent(), recent()});
      case 11:
        return grammar.complement(recent());
      case 12:
        return grammar.machine(std::make_shared<Balance>(take() % 2 == 0));
      default:
        return grammar.label("label " + std::to_string(pool_.size()), recent());
    }
  }
  NodeId characters(Codec codec) {
    static constexpr std::array<std::uint32_t, 8> kPoints = {'a', 'b', '"', '\\', '\n', 'n', 0xE9, 0x1F600};
    const std::uint8_t chosen = take();
    CharSet set;
    for (std::size_t i = 0; i < kPoints.size(); ++i) {
      const bool fits = codec != Codec::kBytes || kPoints[i] < 256;
      if ((chosen >> i & 1) != 0 && fits) set.emplace_back(kPoints[i], kPoints[i]);
    }
    if (set.empty()) set.emplace_back(0, codec == Codec::kBytes ? 0xFF : 0x10FFFF);
    return grammar.chars(set, codec);
  }
  std::string text() {
    static constexpr std::string_view kBytes = "ababab\"\\nu00e9a\n\xC3\xA9\xF0\x9F\x98\x80\xFF\x00";
    std::string result;
    for (std::size_t length = take() % 24; length > 0 && size_ > 0; --length) {
      result += kBytes[take() % (kBytes.size() + 1)];
    }
    return result;
  }

  const std::uint8_t* data_;
  std::size_t size_;
  std::vector<NodeId> pool_;
};

// What is wrong with an automaton on a case; empty where all answers are right.
std::string wrong_answer(const RandomCase& random);

}  // namespace tamis
