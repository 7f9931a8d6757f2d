// Binary min-heap whose items know their position, so that any of them can be removed or re-keyed in O(log n).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace sluice {

inline constexpr uint32_t kNotInHeap = std::numeric_limits<uint32_t>::max();

// Owns nothing. `Position` is a member of T that belongs to the heap; it starts as kNotInHeap.
template <typename T, typename Key, uint32_t T::* Position>
class IndexedHeap {
 public:
  struct Node {
    Key key;
    T* item;
  };

  bool empty() const { return nodes_.empty(); }
  size_t size() const { return nodes_.size(); }
  // Not empty.
  T* top() const { return nodes_.front().item; }
  const Key& top_key() const { return nodes_.front().key; }
  // In no order.
  const std::vector<Node>& nodes() const { return nodes_; }
  static bool Contains(const T& item) { return item.*Position != kNotInHeap; }

  void Push(T& item, Key key) {
    nodes_.push_back({std::move(key), &item});
    SiftUp(nodes_.size() - 1);
  }

  // Nothing happens when it is in no heap.
  void Remove(T& item) {
    if (!Contains(item)) return;
    const size_t hole = item.*Position;
    item.*Position = kNotInHeap;
    Node last = std::move(nodes_.back());
    nodes_.pop_back();
    if (hole == nodes_.size()) return;
    nodes_[hole] = std::move(last);
    Restore(hole);
  }

  // `item` is in the heap.
  void Update(T& item, Key key) {
    const size_t at = item.*Position;
    nodes_[at].key = std::move(key);
    Restore(at);
  }

 private:
  void Restore(size_t at) {
    if (at > 0 && nodes_[at].key < nodes_[(at - 1) / 2].key) {
      SiftUp(at);
    } else {
      SiftDown(at);
    }
  }

  void SiftUp(size_t at) {
    Node node = std::move(nodes_[at]);
    while (at > 0) {
      const size_t parent = (at - 1) / 2;
      if (!(node.key < nodes_[parent].key)) break;
      Place(at, std::move(nodes_[parent]));
      at = parent;
    }
    Place(at, std::move(node));
  }

  void SiftDown(size_t at) {
    Node node = std::move(nodes_[at]);
    while (true) {
      size_t child = (2 * at) + 1;
      if (child >= nodes_.size()) break;
      if (child + 1 < nodes_.size() && nodes_[child + 1].key < nodes_[child].key) ++child;
      if (!(nodes_[child].key < node.key)) break;
      Place(at, std::move(nodes_[child]));
      at = child;
    }
    Place(at, std::move(node));
  }

  void Place(size_t at, Node node) {
    node.item->*Position = static_cast<uint32_t>(at);
    nodes_[at] = std::move(node);
  }

  std::vector<Node> nodes_;
};

}  // namespace sluice
