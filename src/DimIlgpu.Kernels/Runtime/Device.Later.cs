using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <content>Launches that somebody else receives. Methods of their own: a captured argument costs every launch an allocation.</content>
public sealed partial class Device
{
    /// <summary>Copies on the device.</summary>
    internal void Copy<T>(ArrayView<T> source, ArrayView<T> target)
        where T : unmanaged
    {
        if (this.Divert is not null)
        {
            this.CopyLater(source, target);
            return;
        }

        target.CopyFrom(this.Stream, source);
    }

    /// <summary>Sets every element to zero.</summary>
    internal void Clear<T>(ArrayView<T> target)
        where T : unmanaged
    {
        if (this.Divert is not null)
        {
            this.ClearLater(target);
            return;
        }

        target.MemSetToZero(this.Stream);
    }

    private void CopyLater<T>(ArrayView<T> source, ArrayView<T> target)
        where T : unmanaged => this.Divert!(() => this.Copy(source, target));

    private void ClearLater<T>(ArrayView<T> target)
        where T : unmanaged => this.Divert!(() => this.Clear(target));

    private void StripsLater<TKernel>(TKernel kernel, long strips, int columns, int widest, bool alone)
        where TKernel : struct, IStripKernel => this.Divert!(() => this.Strips(kernel, strips, columns, widest, alone));

    private void RowsLater<TKernel>(TKernel kernel, long rows, int columns, int widest)
        where TKernel : struct, IRowKernel => this.Divert!(() => this.Rows(kernel, rows, columns, widest));

    private void GroupsLater<TKernel>(TKernel kernel, Index3D groups, int size)
        where TKernel : struct, IGroupKernel => this.Divert!(() => this.Groups(kernel, groups, size));

    private void WarpsLater<TKernel>(TKernel kernel, Index3D groups, int size, int sharedBytes)
        where TKernel : struct, IWarpKernel => this.Divert!(() => this.Warps(kernel, groups, size, sharedBytes));

    private void TilesLater<TKernel>(TKernel kernel, long tiles, int lane, bool alone)
        where TKernel : struct, ITileKernel => this.Divert!(() => this.Tiles(kernel, tiles, lane, alone));
}
