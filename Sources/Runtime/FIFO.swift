/// A first-in first-out queue over one array; popping is a move of an index, and memory goes back when it was large.
struct FIFO<Element> {
    private var items: [Element?] = []
    private var head = 0

    var isEmpty: Bool { head == items.count }
    var count: Int { items.count - head }

    mutating func append(_ element: Element) {
        items.append(element)
    }

    mutating func append(contentsOf elements: some Sequence<Element>) {
        for element in elements { items.append(element) }
    }

    var first: Element? { isEmpty ? nil : items[head] }

    /// Replaces the first element; the queue must not be empty.
    mutating func replaceFirst(_ element: Element) {
        items[head] = element
    }

    /// Changes the last element in place, if there is one.
    mutating func changeLast(_ body: (inout Element) -> Void) {
        guard !isEmpty, var last = items[items.count - 1] else { return }
        // Taken out first, so that what it holds is changed in place and not copied.
        items[items.count - 1] = nil
        body(&last)
        items[items.count - 1] = last
    }

    var last: Element? { isEmpty ? nil : items[items.count - 1] }

    mutating func popFirst() -> Element? {
        guard head < items.count else { return nil }
        let element = items[head]
        items[head] = nil
        head += 1
        if head == items.count {
            head = 0
            // A burst must not pin its memory for ever.
            if items.count == 1, items.capacity <= 4096 {
                items.removeLast()
            } else {
                items.removeAll(keepingCapacity: items.capacity <= 4096)
            }
        } else if head >= 4096, head * 2 > items.count {
            items.removeFirst(head)
            head = 0
        }
        return element
    }

    mutating func removeAll() {
        items = []
        head = 0
    }
}
