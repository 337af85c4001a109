namespace DimIlgpu.Kernels;

/// <summary>A weight in the order in which the CPU's product reads it, kept from one product to the next while the weight stays the same.</summary>
/// <remarks>Other devices read the weight itself and leave this empty.</remarks>
/// <param name="arena">Receives the copy at the first product: as large as the weight, its rows rounded up to whole registers.</param>
public sealed class PackedWeight(Arena arena)
{
    private Tensor? memory;
    private long version = -1;
    private bool isFilled;

    /// <summary>Says which version of the weight comes next; a copy of another one is made anew.</summary>
    /// <param name="version">Any number that changes with the weight.</param>
    public void Expect(long version)
    {
        this.isFilled &= this.version == version;
        this.version = version;
    }

    /// <summary>The panels of B, packed if they are not.</summary>
    internal Floats Fill(Product product, LinearGrid grid, int batch)
    {
        Device device = arena.Device;
        Tensor panels = this.memory ??= arena.Rent(new((long)batch * grid.Vectors * device.LaneWidth, product.K));
        Check.Shape(panels, new((long)batch * grid.Vectors * device.LaneWidth, product.K));
        if (!this.isFilled || device.Recording is not null)
        {
            // A replay may meet another version of the weight.
            device.Tiles(new LinearPanelPack(product, grid, 0, product.K, panels.Memory), (long)batch * grid.Panels, device.LaneWidth);
            this.isFilled = true;
        }

        return panels.Memory;
    }
}
